use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why none of several addresses has accepted: the error of each.
///
/// Found in the [`io::Error`] that [`TcpStream::async_connect_any`] and
/// [`TcpStream::async_connect_host`] complete with, which is of several and so has no
/// [`raw_os_error`](io::Error::raw_os_error), as each of these has:
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::net::{ConnectErrors, TcpStream};
/// use std::io::ErrorKind;
/// use std::net::TcpListener as Closed;
///
/// let one = Closed::bind("127.0.0.1:0")?.local_addr()?;
/// let other = Closed::bind("127.0.0.1:0")?.local_addr()?;
/// let connect = TcpStream::connect_any(&SystemExecutor, [one, other]);
/// let error = connect.blocking().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
///
/// let errors = error.get_ref().and_then(|error| error.downcast_ref::<ConnectErrors>());
/// for (address, error) in errors.unwrap().attempts() {
///     println!("{address}: {error}");
/// }
/// # let errors = errors.unwrap().attempts();
/// # assert_eq!([errors[0].0, errors[1].0], [one, other]);
/// # assert!(error.to_string().contains(&one.to_string()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`TcpStream::async_connect_any`]: crate::net::TcpStream::async_connect_any
/// [`TcpStream::async_connect_host`]: crate::net::TcpStream#method.async_connect_host
#[derive(Debug)]
pub struct ConnectErrors {
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl ConnectErrors {
    /// Makes the error of an operation of those of its attempts, of which there was one at
    /// least.
    pub(super) fn of(
        attempts: impl ExactSizeIterator<Item = (SocketAddr, io::Error)>,
    ) -> io::Error {
        let mut list = Vec::new();
        // Without memory to tell of all, the last one will do.
        let has_room = list.try_reserve_exact(attempts.len()).is_ok();
        let mut last = None;
        for attempt in attempts {
            if let Some(before) = last.replace(attempt) {
                if has_room {
                    list.push(before);
                }
            }
        }
        let (address, error) = last.expect("there was an attempt");
        if list.is_empty() {
            return error;
        }
        list.push((address, error));
        let errors = Self { attempts: list };
        io::Error::new(errors.telling().kind(), errors)
    }

    /// Returns the last error that tells of a peer, or the last if none does.
    fn telling(&self) -> &io::Error {
        let mut errors = self.attempts.iter().map(|(_, error)| error).rev();
        let last = errors.clone().next().expect("there are several");
        errors.find(|error| !has_no_way(error)).unwrap_or(last)
    }

    /// Returns each address and its error, in the order in which they were tried.
    ///
    /// ```
    /// use async_op::net::ConnectErrors;
    /// use std::io;
    ///
    /// fn report(error: &io::Error) {
    ///     if let Some(errors) = error.get_ref().and_then(|it| it.downcast_ref::<ConnectErrors>()) {
    ///         for (address, error) in errors.attempts() {
    ///             eprintln!("{address}: {error}");
    ///         }
    ///     }
    /// }
    /// ```
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        &self.attempts
    }
}

/// Returns whether the error is one of this machine, which has no way to such an address.
fn has_no_way(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, NetworkUnreachable};
    // The standard library has no name for this one.
    #[cfg(unix)]
    let no_such_family = libc::EAFNOSUPPORT;
    #[cfg(not(unix))]
    let no_such_family = 10_047; // WSAEAFNOSUPPORT
    matches!(error.kind(), AddrNotAvailable | NetworkUnreachable)
        || error.raw_os_error() == Some(no_such_family)
}

impl fmt::Display for ConnectErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of several addresses has accepted")?;
        for (nth, (address, error)) in self.attempts.iter().enumerate() {
            let before = if nth == 0 { ": " } else { "; " };
            write!(f, "{before}{address}: {error}")?;
        }
        Ok(())
    }
}

/// The source is the error that the kind is of.
impl Error for ConnectErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.telling())
    }
}
