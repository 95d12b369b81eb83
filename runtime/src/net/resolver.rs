use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::Poll;

use crate::async_op;
use crate::cancel;
use crate::context::IoExecutor;
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor};
use crate::task::begin::begin;
use crate::task::scope;

/// Finds the addresses of hosts by their names, the way the system does it.
///
/// The system's function (`getaddrinfo`) blocks; it is called on the threads of
/// the crate `blocking`, which are started when they are needed and keep nobody
/// from ending.
///
/// ```
/// use async_op::IoContext;
/// use async_op::net::Resolver;
///
/// let context = IoContext::new()?;
/// let resolver = Resolver::new(&context);
/// resolver.resolve("localhost", 80).callback(|addresses| {
///     for address in addresses.unwrap() {
///         assert!(address.ip().is_loopback());
///     }
/// });
/// context.run();
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "basic_resolver")]
#[doc(alias = "lookup_host")]
#[doc(alias = "getaddrinfo")]
#[derive(Clone)]
pub struct Resolver<E = Home> {
    executor: IoExecutor,
    home: E,
}

impl Resolver {
    /// Makes a resolver of a context.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::Resolver;
    ///
    /// let resolver = Resolver::new(&SystemExecutor);
    /// let addresses = resolver.resolve("::1", 80).blocking().unwrap(); // needs nobody's help
    /// assert_eq!(addresses, ["[::1]:80".parse().unwrap()]);
    /// ```
    pub fn new(executor: &IoExecutor) -> Self {
        Self {
            executor: *executor,
            home: Home,
        }
    }
}

impl<E: HomeExecutor> Resolver<E> {
    /// Finds the addresses of `host`, in the order in which they should be tried.
    ///
    /// `host` is a name, or an address in writing, which is found at once.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::Resolver;
    ///
    /// # pollster::block_on(async {
    /// let resolver = Resolver::new(&SystemExecutor);
    /// let addresses = resolver.resolve("localhost", 80).await?;
    /// assert!(addresses.iter().all(|address| address.port() == 80));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<Vec<SocketAddr>>)`: at least one address, with `port`. Connect
    /// with [`TcpStream::async_connect_any`](crate::net::TcpStream::async_connect_any);
    /// [`TcpStream::async_connect_host`](crate::net::TcpStream::async_connect_host) does both.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding.
    ///
    /// # Allocation
    ///
    /// Some, from the heap: the name, the addresses, and what the threads need. Where
    /// there is none, the process is aborted.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured. The
    /// system's function cannot be stopped; nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The system's, such as that of a name that does not exist.
    #[async_op(cancellation = total)]
    pub async fn async_resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        find(host, port).await
    }
}

/// Finds the addresses of a host, at least one.
pub(super) async fn find(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    begin().await?;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let find = move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
    let mut found = blocking::unblock(find);
    let addresses = poll_fn(|cx| {
        if scope::requested().is_empty() {
            Pin::new(&mut found).poll(cx)
        } else {
            Poll::Ready(Err(cancel::cancelled()))
        }
    })
    .await?;
    if addresses.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(addresses)
}

homes!(Resolver, executor, |this| this.executor);

impl<E> fmt::Debug for Resolver<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}
