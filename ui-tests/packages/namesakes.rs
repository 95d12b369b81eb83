//! `Admin::open` is in an `impl`, and nobody says so; the source does not either, as it is a
//! macro that writes it. The function that it finds in place of its own is another operation.

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

    macro_rules! opens {
        ($admin:ident) => {
            impl $admin {
                #[async_op]
                pub async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
                    format!("admin: {path}")
                }
            }
        };
    }

    opens!(Admin);
}

fn main() {
    println!("{}", inner::Admin::open(&SystemExecutor, "path").blocking());
}
