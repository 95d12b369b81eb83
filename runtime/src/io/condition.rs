use std::io;

/// When a composed operation has transferred enough.
///
/// [`transfer_all`], [`transfer_at_least`] and [`transfer_exactly`] make some; a
/// closure is one, which receives what has been transferred and returns how much
/// more to ask for, 0 for enough.
///
/// ```
/// use async_op::io::{read, transfer_at_least};
/// use async_op::net::TcpStream;
///
/// # async fn example(stream: TcpStream) -> std::io::Result<()> {
/// let mut buffer = [0; 1024];
/// // A header of 8 bytes, and what happens to come with it.
/// let n = read(&stream, &mut buffer, transfer_at_least(8)).await.into_result()?;
/// # let _ = n;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say when a transfer is complete",
    label = "not a completion condition",
    note = "pass `transfer_all()`, `transfer_at_least(n)`, `transfer_exactly(n)`, or a closure `|transferred: usize| -> usize` that says how much more to ask for"
)]
pub trait CompletionCondition: Send {
    /// Returns how many bytes to ask for next, after `transferred` bytes.
    ///
    /// ```
    /// use async_op::io::{CompletionCondition, transfer_at_least, transfer_exactly};
    ///
    /// assert_eq!(transfer_exactly(10).more(4), 6);
    /// assert_eq!(transfer_at_least(10).more(10), 0); // enough
    /// ```
    fn more(&mut self, transferred: usize) -> usize;

    /// Returns how many bytes to ask for next, after an error of the stream: by default
    /// none, and the operation completes with the error.
    ///
    /// The end of the stream is an error, too. An operation that is asked to stop itself
    /// asks nobody.
    ///
    /// ```
    /// use async_op::io::{CompletionCondition, read};
    /// use std::io;
    ///
    /// /// Until the buffer is full; a stream that was slow is tried again, some times.
    /// struct Patient(u32);
    ///
    /// impl CompletionCondition for Patient {
    ///     fn more(&mut self, _transferred: usize) -> usize {
    ///         usize::MAX
    ///     }
    ///
    ///     fn more_after(&mut self, error: &io::Error, _transferred: usize) -> usize {
    ///         if error.kind() != io::ErrorKind::TimedOut || self.0 == 0 {
    ///             return 0;
    ///         }
    ///         self.0 -= 1;
    ///         usize::MAX
    ///     }
    /// }
    /// # async fn example(stream: async_op::net::TcpStream) -> io::Result<usize> {
    /// let mut buffer = [0; 1024];
    /// read(&stream, &mut buffer, Patient(3)).await.into_result()
    /// # }
    /// ```
    fn more_after(&mut self, error: &io::Error, transferred: usize) -> usize {
        let _ = (error, transferred);
        0
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnMut(usize) -> usize + Send> CompletionCondition for F {
    fn more(&mut self, transferred: usize) -> usize {
        self(transferred)
    }
}

/// Until the buffer is full, or all of it written.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read, transfer_all};
/// use async_op::net::{TcpListener, TcpStream};
///
/// # pollster::block_on(async {
/// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// # let address = listener.local_addr()?;
/// let client = TcpStream::connect(&SystemExecutor, address).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_some("hello").await?;
/// let mut word = [0; 5];
/// let n = read(&server, &mut word, transfer_all()).await.into_result()?;
/// assert_eq!(n, word.len());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn transfer_all() -> impl CompletionCondition + Copy + 'static {
    |_| usize::MAX
}

/// Until at least `n` bytes have been transferred, or the buffer ends.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read, transfer_at_least};
/// use async_op::net::{TcpListener, TcpStream};
///
/// # pollster::block_on(async {
/// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// # let address = listener.local_addr()?;
/// let client = TcpStream::connect(&SystemExecutor, address).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_some("hello").await?;
/// let mut buffer = [0; 64];
/// let n = read(&server, &mut buffer, transfer_at_least(2)).await.into_result()?;
/// assert!(n >= 2);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn transfer_at_least(n: usize) -> impl CompletionCondition + Copy + 'static {
    move |transferred| if transferred < n { usize::MAX } else { 0 }
}

/// Until `n` bytes have been transferred, and no more; or the buffer ends.
///
/// # Examples
///
/// ```
/// use async_op::SystemExecutor;
/// use async_op::io::{read, transfer_exactly};
/// use async_op::net::{TcpListener, TcpStream};
///
/// # pollster::block_on(async {
/// # let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
/// # let address = listener.local_addr()?;
/// let client = TcpStream::connect(&SystemExecutor, address).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_some("hello").await?;
/// let mut buffer = [0; 64];
/// let n = read(&server, &mut buffer, transfer_exactly(2)).await.into_result()?;
/// assert_eq!(n, 2);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn transfer_exactly(n: usize) -> impl CompletionCondition + Copy + 'static {
    move |transferred: usize| n - n.min(transferred)
}
