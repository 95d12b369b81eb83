#![deny(dead_code)]
use async_op::{Completion, IoObject, SystemExecutor, async_op};
macro_rules! operation {
    ($name:ident, $b:ident) => {
        #[async_op]
        async fn $name(_executor: &SystemExecutor) {}
        #[async_op]
        fn $b(_executor: &SystemExecutor, op: Completion<fn()>) { op.complete() }
    };
}
macro_rules! method {
    ($name:ident) => {
        #[async_op]
        async fn $name(&self) {}
        #[async_op]
        fn async_wait(&self, op: Completion<fn()>) { op.complete() }
    };
}
operation!(async_never, async_neverb);
operation!(async_a, async_b);
#[derive(Clone)]
struct S;
impl IoObject for S {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}
impl S {
   method!(async_nevera);
    #[async_op]
    async fn async_neverc(&self) {}
}

fn main() { async_a(&SystemExecutor, async_op::Blocking); b(&SystemExecutor).blocking(); let _ = S; }
