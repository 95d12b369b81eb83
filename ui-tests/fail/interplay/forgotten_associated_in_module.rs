// errors: 1

mod net {
    use async_op::{IoExecutor, async_op};

    pub struct Socket;

    // An `impl` with a bound { in a comment.
    impl Socket
    where
        Self: Send,
    {
        /// Pings.
        #[async_op]
        pub async fn async_ping(_executor: &IoExecutor) {}
    }
}

fn main() {}
