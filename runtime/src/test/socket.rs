use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::turn::{Turn, Waiting};
use crate::async_op;
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::io::{ReadBuffer, WriteBuffer};
use crate::shim::plain::Mutex;

/// A socket for datagrams in memory, for tests: on a [`Network`](super::Network), or before a
/// [`Script`](super::Script::datagrams).
///
/// Its operations are those of a [`UdpSocket`](crate::net::UdpSocket), by the same names. Each
/// datagram is received once and whole, or cut off where the buffer is shorter.
///
/// A handle: clones are the same socket.
///
/// # Allocation
///
/// Operations need none besides their own memory, but the network and the script have theirs
/// on the heap.
///
/// # Cancel safety
///
/// Yes: a receive that is dropped has taken nothing. Requests to stop of every type are
/// honoured.
#[derive(Clone)]
pub struct TestUdpSocket {
    shared: Arc<Shared>,
}

struct Shared {
    executor: IoExecutor,
    address: SocketAddr,
    /// To whom it is connected.
    peer: Mutex<Option<SocketAddr>>,
    post: Arc<dyn Post>,
    waiting: Arc<Waiting>,
}

/// What carries datagrams. It calls nothing foreign.
pub(super) trait Post: Send + Sync {
    fn receive(
        &self,
        address: SocketAddr,
        from: Option<SocketAddr>,
        now: Instant,
        part: &mut [u8],
    ) -> Turn<(usize, SocketAddr)>;
    fn send(&self, from: SocketAddr, to: SocketAddr, now: Instant, bytes: &[u8]) -> Turn;
    /// There is no such socket any more.
    fn forget(&self, _address: SocketAddr) {}
    /// Goes on after a stall.
    fn resume(&self) {}
    /// Says what has not happened that was to.
    fn left(&self) -> Option<String> {
        None
    }
}

impl TestUdpSocket {
    pub(super) fn new(
        executor: IoExecutor,
        address: SocketAddr,
        post: Arc<dyn Post>,
        waiting: &Arc<Waiting>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                executor,
                address,
                peer: Mutex::new(None),
                post,
                waiting: Arc::clone(waiting),
            }),
        }
    }

    /// Returns the address of the socket.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    ///
    /// let context = TestContext::new();
    /// let network = Network::new(&context);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// assert_eq!(a.local_addr(), ([192, 0, 2, 1], 7).into());
    /// ```
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// From now on it sends to this address, and receives from there alone.
    ///
    /// ```
    /// use async_op::test::{Network, TestContext};
    ///
    /// let context = TestContext::new();
    /// let network = Network::new(&context);
    /// let a = network.bind(([192, 0, 2, 1], 7).into());
    /// let b = network.bind(([192, 0, 2, 2], 7).into());
    /// a.connect(b.local_addr());
    /// a.send("hello").blocking()?;
    /// assert_eq!(b.receive_from(&mut [0; 8]).blocking()?, (5, a.local_addr()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(&self, address: SocketAddr) {
        *self.shared.peer.lock() = Some(address);
        self.shared.waiting.wake_all();
    }

    /// Ends a [stall](super::Script::stall) of its script: the one that there is, or else the
    /// next.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().stall().read("at last").datagrams(&context, peer);
    /// socket.resume();
    /// assert_eq!(socket.receive(&mut [0; 8]).blocking()?, 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn resume(&self) {
        self.shared.post.resume();
        self.shared.waiting.wake_all();
    }

    /// Checks that all of its script has happened.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().write("hello").datagrams(&context, peer);
    /// socket.send_to("hello", peer).blocking()?;
    /// socket.assert_done();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If something is left, and says what.
    #[track_caller]
    pub fn assert_done(&self) {
        if let Some(left) = self.shared.post.left() {
            panic!("of the script this is left: {left}");
        }
    }

    /// Receives a datagram into the front of `buffer`.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().read("hello").datagrams(&context, peer);
    /// let mut buffer = [0; 8];
    /// assert_eq!(socket.receive(&mut buffer).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// With the length of what is in the buffer.
    ///
    /// # Errors
    ///
    /// Those of the script, and if the context is gone.
    #[async_op(completes = B::Completion<io::Result<usize>>, cancellation = total)]
    pub async fn async_receive<B: ReadBuffer>(
        &self,
        mut buffer: B,
    ) -> B::Output<io::Result<usize>> {
        let received = self.take(&mut buffer).await;
        buffer.completed(received.map(|(len, _)| len))
    }

    /// Receives a datagram into the front of `buffer`, with the address that it came from.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().read("hello").datagrams(&context, peer);
    /// let mut buffer = [0; 8];
    /// assert_eq!(socket.receive_from(&mut buffer).blocking()?, (5, peer));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// With the length of what is in the buffer, and the address.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    #[async_op(
        completes = B::Completion<io::Result<(usize, SocketAddr)>>,
        cancellation = total
    )]
    pub async fn async_receive_from<B: ReadBuffer>(
        &self,
        mut buffer: B,
    ) -> B::Output<io::Result<(usize, SocketAddr)>> {
        let received = self.take(&mut buffer).await;
        buffer.completed(received)
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().write("hello").datagrams(&context, peer);
    /// socket.connect(peer);
    /// assert_eq!(socket.send("hello").blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// With its length.
    ///
    /// # Errors
    ///
    /// Of kind [`NotConnected`](io::ErrorKind::NotConnected) if it is not; those of the script,
    /// and if the context is gone.
    #[async_op(completes = B::Completion<io::Result<usize>>, cancellation = total)]
    pub async fn async_send<B: WriteBuffer>(&self, mut buffer: B) -> B::Output<io::Result<usize>> {
        let peer = *self.shared.peer.lock();
        let result = match peer {
            Some(peer) => self.give(&mut buffer, peer).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        buffer.completed(result)
    }

    /// Sends a datagram to `address`.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([192, 0, 2, 2], 7).into();
    /// let socket = Script::new().write("hello").datagrams(&context, peer);
    /// assert_eq!(socket.send_to("hello", peer).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// With its length.
    ///
    /// # Errors
    ///
    /// Those of the script, and if the context is gone.
    #[async_op(completes = B::Completion<io::Result<usize>>, cancellation = total)]
    pub async fn async_send_to<B: WriteBuffer>(
        &self,
        mut buffer: B,
        address: SocketAddr,
    ) -> B::Output<io::Result<usize>> {
        let result = self.give(&mut buffer, address).await;
        buffer.completed(result)
    }

    async fn take(&self, buffer: &mut impl ReadBuffer) -> io::Result<(usize, SocketAddr)> {
        let shared = &*self.shared;
        let attempt = |now| {
            let peer = *shared.peer.lock();
            let post = &shared.post;
            post.receive(shared.address, peer, now, buffer.after(0))
        };
        shared.waiting.until_over(&shared.executor, attempt).await
    }

    async fn give(&self, buffer: &mut impl WriteBuffer, to: SocketAddr) -> io::Result<usize> {
        let shared = &*self.shared;
        let attempt = move |now| shared.post.send(shared.address, to, now, buffer.after(0));
        shared.waiting.until_over(&shared.executor, attempt).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.post.forget(self.address);
    }
}

impl IoObject for TestUdpSocket {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl fmt::Debug for TestUdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestUdpSocket")
            .field("local_addr", &self.shared.address)
            .finish_non_exhaustive()
    }
}
