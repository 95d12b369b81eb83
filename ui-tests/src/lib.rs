//! Packages that the tests make, to see what tools say of operations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages in a workspace of their own, which depend on the runtime.
#[derive(Debug)]
pub struct Packages {
    root: PathBuf,
}

impl Packages {
    /// Writes a workspace named `name` in `directory`, whose packages have one source: of
    /// each edition one.
    pub fn new(directory: &str, name: &str, editions: &[u32], source: &str) -> Self {
        Self::that_call_it("async-op", directory, name, editions, source)
    }

    /// The same, where the runtime has another name than its own.
    pub fn that_call_it(
        runtime_name: &str,
        directory: &str,
        name: &str,
        editions: &[u32],
        source: &str,
    ) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = Path::new(directory).join(name);
        let members: Vec<_> = editions
            .iter()
            .map(|it| format!("\"{name}_{it}\""))
            .collect();
        let members = members.join(", ");
        let runtime = here.join("../runtime");
        for edition in editions {
            let package = root.join(format!("{name}_{edition}"));
            write(
                &package.join("Cargo.toml"),
                &format!(
                    "[package]\nname = \"{name}_{edition}\"\nedition = \"{edition}\"\n\n\
                     [dependencies.{runtime_name}]\npackage = \"async-op\"\npath = {runtime:?}\n"
                ),
            );
            let is_program = source.contains("\nfn main() {");
            let file = if is_program { "main.rs" } else { "lib.rs" };
            write(&package.join("src").join(file), source);
        }
        write(
            &root.join("Cargo.toml"),
            &format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n"),
        );
        // What has been downloaded already.
        let lock = fs::read_to_string(here.join("../Cargo.lock")).expect("a lock file");
        write(&root.join("Cargo.lock"), &lock);
        Self { root }
    }

    /// Writes a workspace of what would be published: the packages, unpacked.
    pub fn published(directory: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = Path::new(directory).join("published");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a directory");
        let packages = Self { root };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["package", "--no-verify", "--allow-dirty", "--offline"]);
        cargo.args(["--package=async-op", "--package=async-op-macros"]);
        run(cargo
            .arg("--target-dir")
            .arg(&packages.root)
            .current_dir(&here));
        let made = fs::read_dir(packages.root.join("package")).expect("packages");
        let mut members = Vec::new();
        for package in made.map(|entry| entry.expect("a package").path()) {
            if package.extension().is_some_and(|it| it == "crate") {
                // As of now: all files of a package have one date, always the same, by
                // which Cargo would take them for what it has built before.
                let mut tar = Command::new("tar");
                run(tar.arg("-xzmf").arg(&package).current_dir(&packages.root));
                members.push(format!("{:?}", package.file_stem().expect("a name")));
            }
        }
        let version = env!("CARGO_PKG_VERSION");
        write(
            &packages.root.join("Cargo.toml"),
            &format!(
                "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n\
                 async-op-macros = {{ path = \"async-op-macros-{version}\" }}\n",
                members.join(", ")
            ),
        );
        let lock = fs::read_to_string(here.join("Cargo.lock")).expect("a lock file");
        write(&packages.root.join("Cargo.lock"), &lock);
        packages
    }

    /// The directory of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The build directory, which the packages of all tests share.
    pub fn target(&self) -> PathBuf {
        targets(self.root.join(".."))
    }

    /// Runs Cargo: whether it succeeds, and what it says.
    pub fn cargo(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.target())
            // Or snapshots are looked for from the outermost workspace on, which is ours.
            .env("CARGO_WORKSPACE_DIR", &self.root)
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text)
    }
}

/// The build directory of what tests build with Cargo, in the directory that is theirs.
pub fn targets(directory: impl AsRef<Path>) -> PathBuf {
    directory.as_ref().join("packages-target")
}

/// Writes what is not there yet, so that nothing is compiled again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|it| it == text) {
        return;
    }
    let directory = path.parent().expect("a file is in a directory");
    fs::create_dir_all(directory).expect("a directory");
    fs::write(path, text).expect("a file");
}

/// Runs what has to succeed.
fn run(command: &mut Command) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}
