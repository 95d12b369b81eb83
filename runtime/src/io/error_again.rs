use std::io;

/// Makes the same error once more, for the next of those whom it concerns.
///
/// An [`io::Error`] cannot be cloned. The other one has the same kind, and the same code of
/// the system or the same text: what is [cancelled](crate::is_cancelled) or ran
/// [out of time](crate::is_timeout) is so again. A value inside of it is text then.
///
/// ```
/// use async_op::io::error_again;
/// use std::io;
///
/// let error = io::Error::from_raw_os_error(104);
/// for _ in 0..3 {
///     assert_eq!(error_again(&error).kind(), error.kind());
/// }
/// let error = io::Error::other("no such table");
/// assert_eq!(error_again(&error).to_string(), "no such table");
/// ```
pub fn error_again(error: &io::Error) -> io::Error {
    match (error.raw_os_error(), error.get_ref()) {
        (Some(code), _) => io::Error::from_raw_os_error(code),
        (None, Some(text)) => io::Error::new(error.kind(), text.to_string()),
        (None, None) => error.kind().into(),
    }
}
