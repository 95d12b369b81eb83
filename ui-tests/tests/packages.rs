//! What Cargo says of packages.

use async_op_ui_tests::Packages;
use std::path::Path;
use std::{env, fs};

const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

/// In all editions, whatever form: neither rustc nor Clippy has anything to say. What it
/// would suggest of what the macro adds breaks the code.
#[test]
fn clippy_has_nothing_to_say() {
    let source = include_str!("../packages/lints.rs");
    let packages = Packages::new(DIRECTORY, "lints", &[2018, 2021, 2024], source);
    let (is_there, _) = packages.cargo(&["clippy", "--version"]);
    if !is_there {
        return eprintln!("skipped: Clippy is not installed");
    }
    let (is_clean, text) = packages.cargo(&["clippy", "--workspace"]);
    assert!(is_clean && !text.contains("warning"), "{text}");
}

/// Where `associated` is forgotten, and a function of that name is found all the same.
#[test]
fn another_operation_is_not_called_in_silence() {
    let source = include_str!("../packages/namesakes.rs");
    let packages = Packages::new(DIRECTORY, "namesakes", &[2024], source);
    let (is_built, text) = packages.cargo(&["build"]);
    let message = "`#[async_op(associated)]` is missing";
    assert!(!is_built && text.contains(message), "{text}");
    assert_eq!(
        text.matches("\nerror").count(),
        2,
        "and that it could not compile: {text}"
    );
}

/// Where the crate has another name. What is said is as exact as that of the cases.
#[test]
fn another_name() {
    let source = include_str!("../packages/renamed.rs");
    let packages = Packages::that_call_it("other", DIRECTORY, "renamed", &[2024], source);
    let (is_built, text) = packages.cargo(&["check"]);
    assert!(!is_built, "{text}");
    let said = text
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take_while(|line| !line.starts_with("error: could not compile"));
    let said = said.collect::<Vec<_>>().join("\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packages/renamed.stderr");
    if env::var_os("TRYBUILD").is_some_and(|it| it == "overwrite") {
        fs::write(path, &said).expect("a message");
    }
    assert_eq!(said, fs::read_to_string(path).expect("a message"));
}

/// They hold what the licences ask for, and nothing that only we need. What they hold is
/// built, and its examples run, in the docs and by themselves.
#[test]
fn what_is_published() {
    let packages = Packages::published(DIRECTORY);
    let version = env!("CARGO_PKG_VERSION");
    for name in ["async-op", "async-op-macros"] {
        let package = packages.root().join(format!("{name}-{version}"));
        let is_there = |file: &str| package.join(file).exists();
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md", "README.md"] {
            assert!(is_there(file), "{name} has no {file}");
        }
        let missing = |file: &str| !is_there(file);
        assert!(missing("benches") && missing("tests") && missing("examples/redis"));
        let size = size(&package);
        assert!(size < 2_000_000, "{name} has {size} bytes");
    }
    // What an expansion names is in the runtime of its own version alone.
    let manifest = packages
        .root()
        .join(format!("async-op-{version}/Cargo.toml"));
    let manifest = fs::read_to_string(manifest).expect("a manifest");
    let pin = format!("[dependencies.async-op-macros]\nversion = \"={version}\"\n");
    assert!(manifest.contains(&pin), "{manifest}");

    // Users build no script of ours.
    assert!(manifest.contains("\nbuild = false\n"), "{manifest}");

    for command in [
        &["test", "--lib", "--workspace"][..],
        &["test", "--doc", "--package=async-op"],
        &["run", "--example=lines", "--package=async-op"],
    ] {
        let (is_done, text) = packages.cargo(command);
        assert!(
            is_done && !text.contains("warning: "),
            "{command:?}: {text}"
        );
    }
}

fn size(path: &Path) -> u64 {
    if !path.is_dir() {
        return path.metadata().expect("a file").len();
    }
    let entries = fs::read_dir(path).expect("a directory");
    entries
        .map(|entry| size(&entry.expect("an entry").path()))
        .sum()
}
