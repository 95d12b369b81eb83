// errors: 1

use async_op::time::Timer;
use async_op::token::c_callback;
use std::ffi::{c_int, c_void};

unsafe extern "C" fn on_expired(_error: c_int, _data: *mut c_void) {}

fn caller(timer: &Timer) {
    // SAFETY: the function does nothing.
    let token = unsafe { c_callback(on_expired, std::ptr::null_mut()) };
    timer.async_wait(token);
}

fn main() {}
