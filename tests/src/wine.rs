//! What Windows is here.

use std::ffi::{c_char, c_void};

unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *const c_void;
}

/// Returns whether it is Wine, which does some things in its own way.
pub fn under_wine() -> bool {
    // SAFETY: the name ends.
    let module = unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr()) };
    // SAFETY: the module is of this program, and the name ends.
    let version = unsafe { GetProcAddress(module, c"wine_get_version".as_ptr()) };
    !version.is_null()
}
