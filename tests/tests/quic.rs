//! QUIC by the library `quinn`, whose sockets, timers and tasks are ours: what it waits for
//! is polled, and no wait is a future in a box.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_op::executor::Strand;
use async_op::io::PollIo;
use async_op::net::UdpSocket;
use async_op::time::Timer;
use async_op::{Detached, IoContext, IoExecutor, IoObject, spawn};
use async_op_tests::net::{drive, pattern};
use async_op_tests::without_hanging;
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, UdpPoller};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Where the library runs: its sockets and timers on a context, its tasks on an executor.
#[derive(Debug)]
struct Here<X> {
    io: IoExecutor,
    tasks: X,
}

impl<X> Runtime for Here<X>
where
    X: IoObject + fmt::Debug + Send + Sync + 'static,
{
    fn new_timer(&self, expiry: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let mut sleep = Sleep::new(Timer::new(&self.io), |timer: &Timer| timer.wait());
        sleep.reset_to(expiry);
        Box::pin(sleep)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        spawn(&self.tasks, future, Detached);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let state = UdpSocketState::new((&socket).into())?;
        let io = UdpSocket::from_std(&self.io, socket)?.into_poll_io();
        Ok(Arc::new(Socket { io, state }))
    }
}

/// A timer, and its wait, for which there is room from the start.
struct Sleep<W, M> {
    timer: Timer,
    wait: Pin<Box<Option<W>>>,
    make: M,
}

impl<W, M: Fn(&Timer) -> W> Sleep<W, M> {
    fn new(timer: Timer, make: M) -> Self {
        Self {
            timer,
            wait: Box::pin(None),
            make,
        }
    }

    fn reset_to(&mut self, expiry: Instant) {
        self.wait.set(None);
        self.timer.expires_at(expiry);
    }
}

impl<W, M> AsyncTimer for Sleep<W, M>
where
    W: Future<Output = io::Result<()>> + Send + 'static,
    M: Fn(&Timer) -> W + Send + Unpin + 'static,
{
    fn reset(self: Pin<&mut Self>, expiry: Instant) {
        self.get_mut().reset_to(expiry);
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.wait.is_none() {
            this.wait.set(Some((this.make)(&this.timer)));
        }
        let wait = this.wait.as_mut().as_pin_mut().unwrap();
        // An error is that of a context that is gone: nothing waits in it any more.
        let _ = ready!(wait.poll(cx));
        this.wait.set(None);
        Poll::Ready(())
    }
}

impl<W, M> fmt::Debug for Sleep<W, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timer.fmt(f)
    }
}

/// A socket that the library makes its own system calls on.
#[derive(Debug)]
struct Socket {
    io: PollIo<UdpSocket>,
    state: UdpSocketState,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable(self.io.get_ref().clone().into_poll_io()))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let socket = self.io.get_ref();
        socket.try_send_with(|socket| self.state.send(socket.into(), transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let receive = |socket: &UdpSocket| self.state.recv(socket.into(), bufs, meta);
        self.io.poll_receive_with(cx, receive)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// A handle of its own for each of the library's tasks that waits for room.
#[derive(Debug)]
struct Writable(PollIo<UdpSocket>);

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_send_ready(cx)
    }
}

/// A server, and a client that trusts it.
struct Ends {
    server: Endpoint,
    client: Endpoint,
    config: quinn::ClientConfig,
}

impl Ends {
    fn new<X>(io: IoExecutor, tasks: X) -> Self
    where
        X: IoObject + fmt::Debug + Send + Sync + 'static,
    {
        let shown = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = shown.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(shown.signing_key.serialize_der().into());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let served = quinn::ServerConfig::with_single_cert(vec![certificate], key).unwrap();
        let runtime: Arc<dyn Runtime> = Arc::new(Here { io, tasks });
        let end = |config| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            Endpoint::new(
                EndpointConfig::default(),
                config,
                socket,
                Arc::clone(&runtime),
            )
            .unwrap()
        };
        let (server, mut client) = (end(Some(served)), end(None));
        let config = quinn::ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
        client.set_default_client_config(config.clone());
        Self {
            server,
            client,
            config,
        }
    }

    /// Sends back what comes, on as many streams at once as the client likes, until that
    /// has gone.
    async fn echo(self: Arc<Self>, executor: impl IoObject) {
        let connection = self.server.accept().await.unwrap().await.unwrap();
        while let Ok((mut send, mut receive)) = connection.accept_bi().await {
            let stream = async move {
                while let Some(chunk) = receive.read_chunk(1 << 14, true).await.unwrap() {
                    send.write_all(&chunk.bytes).await.unwrap();
                }
                send.finish().unwrap();
                send.stopped().await.unwrap();
            };
            spawn(&executor, stream, Detached);
        }
    }

    async fn connect(&self) -> quinn::Connection {
        let address = self.server.local_addr().unwrap();
        let connect = self.client.connect(address, "localhost").unwrap();
        connect.await.unwrap()
    }

    async fn close(&self) {
        for end in [&self.client, &self.server] {
            end.close(0_u32.into(), b"");
            end.wait_idle().await;
        }
    }
}

/// Sends bytes and gets them back, on several streams at once.
async fn exchange(connection: &quinn::Connection, len: usize) {
    let streams = (0..4).map(|n| async move {
        let bytes = pattern(len + n);
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let write = async {
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
        };
        let read = async { receive.read_to_end(len + n).await.unwrap() };
        let ((), back) = futures::join!(write, read);
        assert!(back == bytes);
    });
    futures::future::join_all(streams).await;
}

/// The server on a task of its own, the client driven by this thread.
fn whole(
    context: &IoContext,
    executor: impl IoObject + fmt::Debug + Send + Sync + Clone + 'static,
) {
    let ends = Arc::new(Ends::new(context.executor(), executor.clone()));
    spawn(
        &executor,
        Arc::clone(&ends).echo(executor.clone()),
        Detached,
    );
    drive(context, async move {
        let connection = ends.connect().await;
        exchange(&connection, 300_000).await;
        drop(connection);
        ends.close().await;
    });
    // Its tasks have ended, and nothing waits.
    context.restart();
    context.run();
}

#[test]
fn on_a_context() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        whole(&context, context.executor());
    });
}

#[test]
fn on_a_context_for_one_thread() {
    without_hanging(|| {
        let context = IoContext::for_one_thread().unwrap();
        whole(&context, context.executor());
    });
}

#[test]
fn on_a_strand_of_a_context_with_several_threads() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let guard = async_op::executor::WorkGuard::new(context.executor());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| context.run());
            }
            let strand = Strand::new(context.executor());
            let ends = Arc::new(Ends::new(context.executor(), strand.clone()));
            spawn(&strand, Arc::clone(&ends).echo(strand.clone()), Detached);
            let client = async move {
                let connection = ends.connect().await;
                exchange(&connection, 300_000).await;
                drop(connection);
                ends.close().await;
            };
            spawn(&strand, client, async_op::Blocking);
            drop(guard);
        });
    });
}

#[test]
fn a_peer_that_says_nothing_is_found_out_by_the_timers() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let mut ends = Ends::new(context.executor(), context.executor());
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut transport = quinn::TransportConfig::default();
        transport.max_idle_timeout(Some(Duration::from_millis(20).try_into().unwrap()));
        let mut config = ends.config.clone();
        config.transport_config(Arc::new(transport));
        ends.client.set_default_client_config(config);
        let address = silent.local_addr().unwrap();
        let connect = ends.client.connect(address, "localhost").unwrap();
        let error = drive(&context, connect).unwrap_err();
        assert_eq!(error, quinn::ConnectionError::TimedOut);
    });
}

#[test]
fn the_context_is_dropped() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let ends = Arc::new(Ends::new(context.executor(), context.executor()));
        let echo = Arc::clone(&ends).echo(context.executor());
        spawn(&context, echo, Detached);
        let connection = drive(&context, async { ends.connect().await });
        drop(context);
        // Its tasks are gone, and with them what they held.
        assert_eq!(Arc::strong_count(&ends), 1);
        drop(connection);
    });
}
