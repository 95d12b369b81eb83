// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async unsafe fn async_ping(address: usize) -> u8 {
    unsafe { *(address as *const u8) }
}

fn main() {
    ping(1).detach();
}
