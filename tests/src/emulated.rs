//! What machine this is.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;

/// Returns whether this is a program for another kind of machine, and says so, for a test that
/// is skipped then: an emulator runs it. The system does not know how to start such a program
/// once more, or does so by the emulator, which is then what `strace` shows.
pub fn is_emulated() -> bool {
    if cfg!(not(target_os = "linux")) {
        return false;
    }
    let this = env::current_exe().unwrap();
    let is_emulated = machine(&this) != machine("/bin/sh".as_ref());
    if is_emulated {
        // Not by `eprintln`, which the test harness keeps to itself.
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(io::stderr(), "SKIPPED {test}: not for this machine");
    }
    is_emulated
}

/// Returns what machine a program is for.
fn machine(path: &Path) -> [u8; 2] {
    let mut header = [0; 20];
    let mut file = File::open(path).unwrap();
    file.read_exact(&mut header).unwrap();
    assert!(header.starts_with(b"\x7fELF"));
    [header[18], header[19]]
}
