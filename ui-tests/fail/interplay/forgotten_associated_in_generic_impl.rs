// errors: 1

use async_op::{IoExecutor, async_op};

struct Socket<T>(T);

impl<T: Send + Default + 'static> Socket<T> {
    #[async_op]
    async fn async_connect(_executor: &IoExecutor, first: T) -> Socket<T> {
        let socket: Socket<T> = Socket(first);
        socket
    }
}

fn main() {}
