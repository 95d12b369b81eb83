//! Ctrl-C, as a console tells of it.

#![cfg(windows)]

use std::env;
use std::os::windows::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use async_op::IoContext;
use async_op::signal::{BREAK, INTERRUPT, SignalSet};

const CREATE_NEW_CONSOLE: u32 = 16;
const CHILD: &str = "CONSOLE_OF_ITS_OWN";

unsafe extern "system" {
    fn GenerateConsoleCtrlEvent(event: u32, group: u32) -> i32;
}

/// In a console that nobody shares: all its programs are told.
#[test]
fn ctrl_c_is_awaited_in_place_of_the_end() {
    if env::var_os(CHILD).is_some() {
        return wait_for_it();
    }
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "ctrl_c_is_awaited_in_place_of_the_end"])
        .env(CHILD, "1")
        .creation_flags(CREATE_NEW_CONSOLE)
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn wait_for_it() {
    let context = IoContext::new().unwrap();
    let signals = SignalSet::new(&context, [INTERRUPT, BREAK]).unwrap();
    for _ in 0..2 {
        // SAFETY: no pointers.
        assert_ne!(unsafe { GenerateConsoleCtrlEvent(0, 0) }, 0);
        let wait = signals.wait().cancel_after(Duration::from_secs(20));
        assert_eq!(wait.blocking().unwrap(), INTERRUPT);
    }
}
