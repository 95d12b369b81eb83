// errors: 1

use async_op::{IoExecutor, async_op};

pub trait Connect {
    fn connect(&self);
}

pub struct Client;

impl Connect for Client {
    fn connect(&self) {}
}

impl Client {
    #[async_op]
    pub async fn async_open(_executor: &IoExecutor, name: String) -> usize {
        name.len()
    }
}

fn main() {}
