//! What machine this is.

/// Returns whether this is a program for another kind of machine, and says so, for a test that
/// is skipped then: an emulator runs it. The system does not know how to start such a program
/// once more, or does so by the emulator, which is then what `strace` shows.
#[cfg(target_os = "linux")]
pub fn is_emulated() -> bool {
    let this = std::env::current_exe().unwrap();
    let is_emulated = machine(&this) != machine("/bin/sh".as_ref());
    if is_emulated {
        eprintln!("skipped: this is a program for another machine");
    }
    is_emulated
}

/// Returns what machine a program is for.
#[cfg(target_os = "linux")]
fn machine(path: &std::path::Path) -> [u8; 2] {
    use std::io::Read;

    let mut header = [0; 20];
    let mut file = std::fs::File::open(path).unwrap();
    file.read_exact(&mut header).unwrap();
    assert!(header.starts_with(b"\x7fELF"));
    [header[18], header[19]]
}

/// Returns whether an emulator runs this: not where nobody has tried.
#[cfg(not(target_os = "linux"))]
pub fn is_emulated() -> bool {
    false
}
