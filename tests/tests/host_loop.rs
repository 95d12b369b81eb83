//! A loop of messages whose thread runs all handlers, while another thread waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::io::{read_exact, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, IoContext, spawn};
use async_op_tests::without_hanging;

use messages::{Loop, Messages};

/// As any program has it that brings a queue of its own.
#[cfg(not(windows))]
mod messages {
    use std::sync::mpsc;

    use super::Task;

    #[derive(Clone)]
    pub(crate) struct Loop(mpsc::Sender<Task>);
    pub(crate) struct Messages(mpsc::Receiver<Task>);

    impl Messages {
        pub(crate) fn new() -> (Loop, Self) {
            let (sender, receiver) = mpsc::channel();
            (Loop(sender), Self(receiver))
        }

        pub(crate) fn next(&self) -> Task {
            self.0.recv().unwrap()
        }
    }

    impl Loop {
        pub(crate) fn tell(&self, task: Task) {
            self.0.send(task).unwrap();
        }
    }
}

/// The messages of a thread of Windows, which have room for nothing that would have to be
/// dropped: they tell that something is in the queue.
#[cfg(windows)]
mod messages {
    use std::ffi::c_void;
    use std::ptr;
    use std::sync::mpsc;

    use super::Task;

    const WM_APP: u32 = 0x8000;

    #[repr(C)]
    struct Message {
        window: *mut c_void,
        number: u32,
        w: usize,
        l: isize,
        time: u32,
        point: [i32; 2],
    }

    #[link(name = "user32")]
    unsafe extern "system" {
        fn PostThreadMessageW(thread: u32, number: u32, w: usize, l: isize) -> i32;
        fn GetMessageW(message: *mut Message, window: *mut c_void, least: u32, most: u32) -> i32;
        fn PeekMessageW(
            message: *mut Message,
            window: *mut c_void,
            least: u32,
            most: u32,
            remove: u32,
        ) -> i32;
    }
    unsafe extern "system" {
        fn GetCurrentThreadId() -> u32;
    }

    fn message() -> Message {
        Message {
            window: ptr::null_mut(),
            number: 0,
            w: 0,
            l: 0,
            time: 0,
            point: [0; 2],
        }
    }

    #[derive(Clone)]
    pub(crate) struct Loop(mpsc::Sender<Task>, u32);
    pub(crate) struct Messages(mpsc::Receiver<Task>);

    impl Messages {
        pub(crate) fn new() -> (Loop, Self) {
            let (sender, receiver) = mpsc::channel();
            // The first look makes the thread one that can be told.
            // SAFETY: a message to be written to.
            unsafe { PeekMessageW(&mut message(), ptr::null_mut(), 0, 0, 0) };
            // SAFETY: no pointers.
            let thread = unsafe { GetCurrentThreadId() };
            (Loop(sender, thread), Self(receiver))
        }

        pub(crate) fn next(&self) -> Task {
            let mut message = message();
            // SAFETY: a message to be written to.
            let got = unsafe { GetMessageW(&mut message, ptr::null_mut(), 0, 0) };
            assert_eq!((got, message.number), (1, WM_APP));
            self.0.try_recv().expect("a message for each task")
        }
    }

    impl Loop {
        pub(crate) fn tell(&self, task: Task) {
            self.0.send(task).unwrap();
            // SAFETY: no pointers.
            assert_ne!(unsafe { PostThreadMessageW(self.1, WM_APP, 0, 0) }, 0);
        }
    }
}

impl PartialEq for Loop {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Executor for Loop {
    fn post(&self, task: Task) {
        self.tell(task);
    }
}

#[test]
fn handlers_run_on_the_thread_of_the_loop() {
    without_hanging(|| {
        let context = Arc::new(IoContext::new().unwrap());
        let work = WorkGuard::new(context.executor());
        let waiting = Arc::clone(&context);
        let waiting = thread::spawn(move || waiting.run());

        let (ours, messages) = Messages::new();
        let (here, count) = (thread::current().id(), Arc::new(AtomicUsize::new(0)));
        let counts = |count: &Arc<AtomicUsize>| {
            let count = count.clone();
            move || {
                assert_eq!(thread::current().id(), here);
                count.fetch_add(1, Ordering::Relaxed);
            }
        };

        let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (listener, add) = (listener.on(&ours), counts(&count));
        listener.accept().callback(move |accepted| {
            let (stream, _) = accepted.unwrap();
            add();
            let echo = async move {
                let mut bytes = [0; 5];
                read_exact(&stream, &mut bytes).await?;
                add();
                write_all(&stream, &bytes).await
            };
            spawn(&stream_loop(&listener), echo, |result: io::Result<()>| {
                result.unwrap();
            });
        });
        let (executor, add) = (context.executor(), counts(&count));
        let client = async move {
            let stream = TcpStream::connect(&executor, address).await?;
            write_all(&stream, "hello").await?;
            let mut bytes = [0; 5];
            read_exact(&stream, &mut bytes).await?;
            add();
            assert_eq!(&bytes, b"hello");
            io::Result::Ok(())
        };
        let add = counts(&count);
        spawn(&ours, client, move |result: io::Result<()>| {
            result.unwrap();
            add();
        });
        let timer = Timer::new(&context).on(&ours);
        timer.expires_after(Duration::from_millis(2));
        let add = counts(&count);
        timer.wait().callback(move |result| {
            result.unwrap();
            add();
        });
        while count.load(Ordering::Relaxed) < 5 {
            messages.next().run();
        }
        drop(work);
        waiting.join().unwrap();
    });
}

/// The executor that a listener is on.
fn stream_loop(listener: &TcpListener<Loop>) -> impl Executor + use<> {
    async_op::IoObject::executor(listener)
}
