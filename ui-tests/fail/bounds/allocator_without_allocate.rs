// errors: 1

use async_op::alloc::OperationAllocator;

#[derive(Clone)]
struct Arena;

impl OperationAllocator for Arena {}

fn main() {}
