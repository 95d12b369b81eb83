use std::io;
use std::time::Duration;

use socket2::SockRef;

/// When a TCP connection that is idle is asked whether its peer is still there.
///
/// What is not said is as the system has it: mostly two hours, then nine probes that are
/// 75 seconds apart; on Windows ten, one second apart. The system counts whole seconds; what is
/// less is rounded up.
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{Keepalive, TcpListener, TcpStream};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// # let address = listener.local_addr()?;
/// let stream = TcpStream::connect(&SystemExecutor, address).await?;
/// let keepalive = Keepalive::after(Duration::from_secs(60))
///     .with_interval(Duration::from_secs(10))
///     .with_retries(3);
/// stream.set_keepalive(Some(keepalive))?; // a peer that is gone is known after 90 seconds
/// assert!(stream.keepalive()?);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[doc(alias = "TcpKeepalive")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "set it by `set_keepalive`"]
pub struct Keepalive {
    time: Option<Duration>,
    interval: Option<Duration>,
    retries: Option<u32>,
}

impl Keepalive {
    /// Makes it as the system has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::net::Keepalive;
    ///
    /// assert_eq!(Keepalive::new(), Keepalive::default());
    /// ```
    pub const fn new() -> Self {
        Self {
            time: None,
            interval: None,
            retries: None,
        }
    }

    /// Asks once nothing has come for as long as `time`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::net::Keepalive;
    /// use std::time::Duration;
    ///
    /// let keepalive = Keepalive::after(Duration::from_secs(60));
    /// # assert_ne!(keepalive, Keepalive::new());
    /// ```
    pub const fn after(time: Duration) -> Self {
        Self {
            time: Some(time),
            ..Self::new()
        }
    }

    /// Asks again after `interval` if there is no answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::net::Keepalive;
    /// use std::time::Duration;
    ///
    /// let keepalive = Keepalive::new().with_interval(Duration::from_secs(5));
    /// # assert_ne!(keepalive, Keepalive::new());
    /// ```
    pub const fn with_interval(self, interval: Duration) -> Self {
        Self {
            interval: Some(interval),
            ..self
        }
    }

    /// Gives up once `retries` in a row have had no answer. Windows has this since version
    /// 1703 of 10, and says `WSAENOPROTOOPT` before that.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::net::Keepalive;
    ///
    /// let keepalive = Keepalive::new().with_retries(3);
    /// # assert_ne!(keepalive, Keepalive::new());
    /// ```
    pub const fn with_retries(self, retries: u32) -> Self {
        Self {
            retries: Some(retries),
            ..self
        }
    }

    /// Sets it for a socket.
    ///
    /// # Errors
    ///
    /// Those of `set_keepalive`.
    pub(super) fn set(self, socket: &SockRef<'_>) -> io::Result<()> {
        if self == Self::new() {
            return socket.set_keepalive(true);
        }
        // Some systems would go on asking.
        if [self.time, self.interval].contains(&Some(Duration::ZERO)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        #[cfg(windows)]
        let this = self.for_windows();
        #[cfg(not(windows))]
        let this = self;
        let (keepalive, was_on) = (this.of_system()?, socket.keepalive()?);
        let set = socket.set_tcp_keepalive(&keepalive);
        // `socket2` switches it on before the system hears of anything that it may refuse.
        if set.is_err() && !was_on {
            let _ = socket.set_keepalive(false);
        }
        set
    }

    /// Says both times, as that system has them: it is told them together, or zero.
    #[cfg(any(windows, all(test, async_op_unit_tests)))]
    fn for_windows(self) -> Self {
        Self {
            time: self.time.or(Some(Duration::from_secs(2 * 60 * 60))),
            interval: self.interval.or(Some(Duration::from_secs(1))),
            retries: self.retries,
        }
    }

    /// Returns it in the shape of `socket2`.
    fn of_system(self) -> io::Result<socket2::TcpKeepalive> {
        let mut keepalive = socket2::TcpKeepalive::new();
        if let Some(time) = self.time {
            keepalive = keepalive.with_time(in_seconds(time));
        }
        self.repeated(keepalive)
    }

    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_vendor = "apple",
        windows,
    ))]
    fn repeated(self, mut keepalive: socket2::TcpKeepalive) -> io::Result<socket2::TcpKeepalive> {
        if let Some(interval) = self.interval {
            keepalive = keepalive.with_interval(in_seconds(interval));
        }
        if let Some(retries) = self.retries {
            keepalive = keepalive.with_retries(retries);
        }
        Ok(keepalive)
    }

    #[cfg(not(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_vendor = "apple",
        windows,
    )))]
    fn repeated(self, keepalive: socket2::TcpKeepalive) -> io::Result<socket2::TcpKeepalive> {
        match (self.interval, self.retries) {
            (None, None) => Ok(keepalive),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Rounds up to what the system counts: a part of a second that is cut off could leave
/// none.
pub(super) fn in_seconds(duration: Duration) -> Duration {
    let part = u64::from(duration.subsec_nanos() != 0);
    Duration::from_secs(duration.as_secs().saturating_add(part))
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
