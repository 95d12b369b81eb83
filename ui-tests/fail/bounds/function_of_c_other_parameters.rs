// errors: 1

use async_op::time::Timer;
use async_op::token::c_callback;
use std::ffi::c_void;

unsafe extern "C" fn on_expired(_error: f32, _data: *mut c_void) {}

fn caller(timer: &Timer) {
    let function = on_expired as unsafe extern "C" fn(_, _);
    // SAFETY: the function does nothing.
    let token = unsafe { c_callback(function, std::ptr::null_mut()) };
    timer.async_wait(token);
}

fn main() {}
