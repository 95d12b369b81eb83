//! What Windows is here.

#[cfg(windows)]
use std::ffi::{c_char, c_void};

#[cfg(windows)]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *const c_void;
}

/// Returns whether it is Wine, which does some things in its own way.
#[cfg(windows)]
pub fn under_wine() -> bool {
    // SAFETY: the name ends.
    let module = unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr()) };
    // SAFETY: the module is of this program, and the name ends.
    let version = unsafe { GetProcAddress(module, c"wine_get_version".as_ptr()) };
    !version.is_null()
}

/// Returns whether it is Wine: there is no Windows here at all.
#[cfg(not(windows))]
pub fn under_wine() -> bool {
    false
}
