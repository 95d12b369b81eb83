//! Stands between cargo and rustc, and keeps what rustc says of each case.
//!
//! The terminal is shown less than an editor: cargo prints no error twice, even
//! where rustc has two that look the same.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let rustc = args.next().expect("cargo names rustc");
    let args: Vec<OsString> = args.collect();
    let output = Command::new(rustc)
        .args(&args)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .output()
        .expect("rustc runs");
    io::stderr().write_all(&output.stderr).expect("cargo reads");
    let directory = env::var_os("ASYNC_OP_UI_RECORDS").expect("where the records go");
    for case in args.iter().map(Path::new).filter(|path| is_case(path)) {
        let record = case.components().rev().take(2).collect::<Vec<_>>();
        let record: std::path::PathBuf = record.iter().rev().collect();
        let record = Path::new(&directory).join(record);
        fs::create_dir_all(record.parent().expect("a group")).expect("a directory");
        fs::write(record.with_extension("json"), &output.stderr).expect("a record");
    }
    let code = output
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// `fail/group/case.rs`
fn is_case(path: &Path) -> bool {
    let group = path.parent().and_then(Path::parent);
    group.is_some_and(|directory| directory.ends_with("fail"))
        && path.extension().is_some_and(|it| it == "rs")
}
