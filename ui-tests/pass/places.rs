//! Where an operation may stand, and how visible it is.

use async_op::{Completion, SystemExecutor, async_op};

mod module {
    use super::*;

    pub mod inner {
        use super::*;

        #[async_op(executor = SystemExecutor)]
        pub(in crate::module) async fn async_in_path() -> u32 {
            private().await
        }

        #[async_op(executor = SystemExecutor)]
        async fn async_private() -> u32 {
            1
        }

        #[async_op(executor = SystemExecutor)]
        pub(super) fn async_super_(op: Completion<fn(u32)>) {
            op.complete(2);
        }
    }

    #[async_op(executor = SystemExecutor)]
    pub(crate) async fn async_both() -> u32 {
        inner::in_path().await + inner::super_().await
    }

    impl super::Socket {
        #[async_op(executor = SystemExecutor)]
        pub(crate) async fn async_elsewhere(&self) -> u32 {
            4
        }
    }
}

#[derive(Clone)]
struct Socket;

const _: () = {
    impl Socket {
        #[async_op(executor = SystemExecutor)]
        pub async fn async_in_const(&self) -> u32 {
            5
        }
    }
};

fn main() {
    /// In the body of a function.
    #[async_op(executor = SystemExecutor)]
    async fn async_local(n: u32) -> u32 {
        n
    }

    assert_eq!(module::both().blocking(), 3);
    assert_eq!(Socket.elsewhere().blocking(), 4);
    assert_eq!(Socket.in_const().blocking(), 5);
    assert_eq!(local(6).blocking(), 6);
}
