//! What the compiler says of mistakes, and that what is right compiles.
//!
//! `TRYBUILD=overwrite cargo test --test ui` blesses the `.stderr` files; read
//! the difference. They are those of one toolchain; on others only what is
//! right is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    let version = Command::new("rustc").arg("--version").output();
    let version = String::from_utf8(version.expect("rustc runs").stdout);
    if version.expect("a version").starts_with(TOOLCHAIN) {
        cases.compile_fail("fail/*/*.rs");
    }
}

/// Each case begins with `// errors: N`. More errors than that, and names that
/// are not the author's, are mistakes of ours.
#[test]
fn messages() {
    for case in files("fail", "rs") {
        let source = fs::read_to_string(&case).expect("a case");
        let allowed = source
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("// errors: "));
        let allowed: usize = allowed
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("{} begins with `// errors: N`", case.display()));
        let stderr = case.with_extension("stderr");
        let stderr = fs::read_to_string(&stderr)
            .unwrap_or_else(|error| panic!("{}: {error}", stderr.display()));
        let errors = stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        assert_eq!(errors, allowed, "errors in {}:\n{stderr}", case.display());
        for forbidden in ["panicked", "internal error"] {
            assert!(!stderr.contains(forbidden), "{}:\n{stderr}", case.display());
        }
        let mut words = stderr.split(|c: char| !c.is_alphanumeric() && c != '_');
        let is_ours = |word: &&str| {
            let name = word.trim_start_matches('_');
            word.starts_with("__") && !name.is_empty()
        };
        assert_eq!(
            words.find(is_ours),
            None,
            "a name of ours in {}",
            case.display()
        );
    }
}

#[test]
fn no_orphans() {
    for stderr in files("fail", "stderr") {
        let case = stderr.with_extension("rs");
        assert!(case.exists(), "{} has no case", stderr.display());
    }
}

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                files.push(path);
            }
        }
    }
    files
}
