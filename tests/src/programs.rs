use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Builds an example; returns the path of `file`, which that makes.
pub fn built(example: &str, file: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "-p", "async-op-clients", "--example", example])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    succeeded(&output);
    let messages = String::from_utf8(output.stdout).unwrap();
    let end = messages
        .rfind(&format!("/{file}\""))
        .expect("what was built")
        + 1
        + file.len();
    let start = messages[..end].rfind('"').unwrap() + 1;
    messages[start..end].into()
}

/// Compiles a host in C of a library, strictly, into `folder`.
pub fn compiled(source: &Path, header: &Path, library: &Path, folder: &Path) -> PathBuf {
    let host = folder.join("host");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic"])
        .args(["-Werror", "-pthread", "-I"])
        .arg(header)
        .arg(source)
        .arg(library)
        .arg("-o")
        .arg(&host);
    succeeded(&compiler.output().unwrap());
    host
}

/// A host in C, ready to be run; ended if it hangs.
pub fn c_host(host: &Path, library: &Path, address: &str) -> Command {
    let mut run = Command::new("timeout");
    run.arg("60").arg(host).arg(address);
    run.env("LD_LIBRARY_PATH", library.parent().unwrap());
    // Memory that is used after it has been freed is none that looks well.
    run.env("MALLOC_PERTURB_", "165");
    run
}

/// Panics with what a program has said, if it has failed.
pub fn succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A folder that goes with its test.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one whose name ends with `name`, and is no other test's.
    pub fn new(name: &str) -> Self {
        let name = format!("async-op-test-{}-{name}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns what is in it.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).unwrap();
        files.map(|it| it.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
