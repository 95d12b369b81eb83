//! `Admin::open` is in an `impl`, and nobody says so. The function that it finds in place
//! of its own is another operation.

use async_op::{SystemExecutor, async_op};

mod outer {
    use super::*;

    #[async_op]
    pub async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
        path.to_owned()
    }
}

mod inner {
    use super::outer::*;
    use super::*;

    pub struct Admin;

    impl Admin {
        #[async_op]
        pub async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
            format!("admin: {path}")
        }
    }
}

fn main() {
    println!("{}", inner::Admin::open(&SystemExecutor, "path").blocking());
}
