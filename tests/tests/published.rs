//! What users see of the packages is so: their pages, their features, what they ask for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const REPOSITORY: &str = "https://github.com/async-op/async-op/blob/main/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The entries of a table of a manifest, but for those that span lines.
fn table<'a>(manifest: &'a str, header: &str) -> Vec<(&'a str, &'a str)> {
    let lines = manifest.lines().skip_while(|line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once(" = ")).collect()
}

/// The first column of the rows of a Markdown table, below its header.
fn column(page: &str, header: &str) -> Vec<String> {
    let rows = page.lines().map(|line| line.trim_start_matches("//! "));
    let rows = rows.skip_while(|line| !line.starts_with(header)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().replace('`', ""))
        .collect()
}

#[test]
fn each_feature_is_in_the_tables() {
    let manifest = read("runtime/Cargo.toml");
    let mut features: Vec<_> = table(&manifest, "[features]")
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "default")
        .collect();
    features.sort_unstable();
    assert!(features.len() > 5, "{features:?}");
    for page in ["README.md", "runtime/src/lib.rs"] {
        assert_eq!(column(&read(page), "| feature |"), features, "{page}");
    }
}

/// They are read on GitHub, on crates.io and in packages, so none is relative.
#[test]
fn links_of_the_pages_lead_somewhere() {
    let mut seen = 0;
    for page in ["README.md", "CHANGELOG.md", "macros/README.md"] {
        let text = read(page);
        let inline = text.split("](").skip(1).map(|rest| rest.split(')').next());
        let definitions = text.lines().filter(|line| line.starts_with('['));
        let definitions = definitions.map(|line| line.split_once("]: ").map(|it| it.1));
        for link in inline.chain(definitions).flatten() {
            seen += 1;
            assert!(link.starts_with("https://"), "{page}: {link}");
            if let Some(path) = link.strip_prefix(REPOSITORY) {
                let path = path.split(['?', '#']).next().unwrap();
                assert!(root().join(path).exists(), "{page}: {link}");
            }
        }
    }
    assert!(seen > 20, "{seen} links");
}

/// The oldest compiler knows none; the others would take them.
#[test]
fn no_let_chains() {
    let mut seen = 0;
    let mut directories = vec![root().join("runtime"), root().join("macros/src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                seen += 1;
                let text = fs::read_to_string(&path).unwrap();
                let found = text.lines().zip(text.lines().skip(1));
                let found = found.filter(|(line, next)| is_let_chain(line, next));
                assert_eq!(found.count(), 0, "{}", path.display());
            }
        }
    }
    assert!(seen > 200, "{seen} files");
}

/// As rustfmt writes them: all in one line, or each link begins one.
fn is_let_chain(line: &str, next: &str) -> bool {
    let code = line.trim_start();
    let is_let = code.starts_with("if let ") || code.starts_with("while let ");
    let value = code.split(" = ").nth(1).unwrap_or_default();
    let goes_on = top_level(value).contains(" && ") || next.trim_start().starts_with("&& ");
    !code.starts_with("//") && (code.contains("&& let ") || is_let && goes_on)
}

/// `code` without what is in brackets.
fn top_level(code: &str) -> String {
    let mut depth = 0;
    let is_outside = |c: &char| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => (),
        }
        depth == 0
    };
    code.chars().filter(is_outside).collect()
}

#[test]
fn let_chains_are_found() {
    let is_one = |line| is_let_chain(line, "{");
    assert!(is_one("    && let Some(a) = b"));
    assert!(is_one("if let Some(a) = b && c {"));
    assert!(is_one("if a && let Some(b) = c {"));
    assert!(is_let_chain("if let Some(a) = b", "    && c"));
    assert!(!is_one("if let Some(a) = b.filter(|_| c && d) {"));
    assert!(!is_one("// if a && let Some(b) = c {"));
    assert!(!is_one("let a = b && c;"));
}

/// `.ci/oldest` has tried what is named, and not something later.
#[test]
fn oldest_dependencies_are_tried() {
    let lock = read(".ci/oldest.lock");
    let mut locked = BTreeMap::<&str, Vec<&str>>::new();
    let mut name = "";
    for line in lock.lines() {
        let value = || line.split('"').nth(1).unwrap();
        if line.starts_with("name = ") {
            name = value();
        } else if line.starts_with("version = \"") {
            locked.entry(name).or_default().push(value());
        }
    }
    let mut tried = 0;
    for manifest in ["runtime/Cargo.toml", "macros/Cargo.toml"].map(read) {
        let headers = manifest
            .lines()
            .filter(|line| line.ends_with("dependencies]"));
        let headers = headers.filter(|header| !header.contains("dev-"));
        for (name, value) in headers.flat_map(|header| table(&manifest, header)) {
            let named = match value.split_once("version = \"") {
                Some((_, rest)) => rest,
                None => value.trim_start_matches('"'),
            };
            let named = named.split('"').next().unwrap().trim_start_matches('=');
            let oldest = (0..3).map(|at| named.split('.').nth(at).unwrap_or("0"));
            let oldest = oldest.collect::<Vec<_>>().join(".");
            let versions = &locked[name];
            assert!(versions.contains(&&*oldest), "{name} {named}: {versions:?}");
            tried += 1;
        }
    }
    assert!(tried > 18, "{tried}");
}

/// Whoever depends on the library builds these, and nothing else.
#[test]
#[cfg(not(windows))]
fn what_it_is_made_of() {
    use std::collections::BTreeSet;

    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--package=async-op", "--edges=normal"]);
    cargo.args(["--prefix=none", "--target=x86_64-unknown-linux-gnu"]);
    let output = cargo.current_dir(root()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names = names.collect::<BTreeSet<_>>();
    let ours = "allocator-api2 async-op async-op-macros libc mio pin-project-lite socket2";
    let of_macros = "proc-macro2 quote syn unicode-ident";
    let expected = ours.split(' ').chain(of_macros.split(' '));
    assert_eq!(names, expected.collect());
}

/// Who knows another library searches for its names.
#[test]
fn names_of_others_are_found() {
    let mut sources = String::new();
    let mut directories = vec![root().join("runtime/src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let names = "io_context co_spawn async_compose steady_timer system_timer completion_token \
                 use_awaitable this_coro make_strand cancellation_signal stream_descriptor \
                 timeout block_on select join JoinHandle CancellationToken mpsc oneshot \
                 lookup_host ctrl_c Runtime Handle BoxFuture";
    for name in names.split_whitespace() {
        assert!(
            sources.contains(&format!("doc(alias = \"{name}\")")),
            "{name}"
        );
    }
}
