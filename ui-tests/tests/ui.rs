//! What the compiler says of mistakes, and that what is right compiles.
//!
//! `TRYBUILD=overwrite cargo test --test ui` blesses the `.stderr` files; read
//! the difference. They are those of one toolchain; on others only what is
//! right is compiled.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn ui() {
    let records = Path::new(env!("CARGO_TARGET_TMPDIR")).join("records");
    if records.exists() {
        fs::remove_dir_all(&records).expect("records of ours");
    }
    let only = env::args().filter(|arg| arg.starts_with("trybuild="));
    let only: Vec<String> = only.collect();
    let cases = Command::new(env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", "cases"])
        .args(&only)
        .env("RUSTC_WORKSPACE_WRAPPER", env!("CARGO_BIN_EXE_record"))
        .env("ASYNC_OP_UI_RECORDS", &records)
        .status();
    assert!(cases.expect("it runs").success(), "cases have changed");
    if is_toolchain() {
        in_an_editor(&records, only.is_empty());
    }
}

#[test]
#[ignore = "`ui` runs it, with a wrapper around rustc"]
fn cases() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    if is_toolchain() {
        cases.compile_fail("fail/*/*.rs");
    }
}

fn is_toolchain() -> bool {
    let version = Command::new("rustc").arg("--version").output();
    let version = String::from_utf8(version.expect("rustc runs").stdout);
    version.expect("a version").starts_with(TOOLCHAIN)
}

/// An editor shows each error that rustc has, where a terminal shows those that
/// look the same once.
fn in_an_editor(records: &Path, is_whole: bool) {
    let (mut ones, mut all, mut wrong) = (0, 0, Vec::new());
    for case in files("fail", "rs") {
        let path = case.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("fail"));
        let record = records.join(path.expect("a case")).with_extension("json");
        let Ok(record) = fs::read_to_string(&record) else {
            assert!(!is_whole, "no record of {}", case.display());
            continue;
        };
        let is_error = |line: &&str| {
            line.contains(r#""level":"error""#) && !line.contains(r#""message":"aborting due to"#)
        };
        let errors = record.lines().filter(is_error).count();
        let source = fs::read_to_string(&case).expect("a case");
        let counts = counts(&case, &source);
        if counts.in_an_editor != errors {
            wrong.push(format!("{}: {errors}", case.display()));
        }
        all += 1;
        ones += usize::from(errors == counts.mistakes);
    }
    assert!(
        wrong.is_empty(),
        "errors in an editor:\n{}",
        wrong.join("\n")
    );
    assert!(
        // What is no token is two errors or more: ARCHITECTURE.md says why that is kept.
        !is_whole || ones * 100 >= all * 88,
        "of {all} cases only {ones} have one error for each mistake"
    );
}

/// What a case says of its errors.
struct Counts {
    printed: usize,
    in_an_editor: usize,
    mistakes: usize,
}

/// What a case begins with: `// errors: N`, or `// errors: N of M mistakes`, and if an
/// editor shows more, `, N in an editor`.
fn counts(case: &Path, source: &str) -> Counts {
    let line = source.lines().next().unwrap_or_default();
    let counts = line.strip_prefix("// errors: ").and_then(|counts| {
        let (counts, all) = match counts.strip_suffix(" in an editor") {
            Some(counts) => counts.split_once(", ")?,
            None => (counts, ""),
        };
        let (printed, mistakes) = match counts.strip_suffix(" mistakes") {
            Some(counts) => counts.split_once(" of ")?,
            None => (counts, "1"),
        };
        Some(Counts {
            printed: printed.parse().ok()?,
            in_an_editor: if all.is_empty() { printed } else { all }.parse().ok()?,
            mistakes: mistakes.parse().ok()?,
        })
    });
    counts.unwrap_or_else(|| panic!("{} begins with `// errors: N`", case.display()))
}

/// Each case begins with `// errors: N`. More errors than that, and names that
/// are not the author's, are mistakes of ours.
#[test]
fn messages() {
    let names = names_of_expansion();
    for case in files("fail", "rs") {
        let source = fs::read_to_string(&case).expect("a case");
        let Counts { printed, .. } = counts(&case, &source);
        let stderr = case.with_extension("stderr");
        let stderr = fs::read_to_string(&stderr)
            .unwrap_or_else(|error| panic!("{}: {error}", stderr.display()));
        let errors = stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        assert_eq!(errors, printed, "errors in {}:\n{stderr}", case.display());
        assert!(
            !is_at_attribute(&source, &stderr)
                || OF_THE_ATTRIBUTE.iter().any(|it| case.ends_with(it)),
            "the attribute is underlined in {}",
            case.display()
        );
        for forbidden in ["panicked", "internal error"] {
            assert!(!stderr.contains(forbidden), "{}:\n{stderr}", case.display());
        }
        assert!(
            !stderr.contains("expansion::"),
            "{}:\n{stderr}",
            case.display()
        );
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.map(str::to_owned).collect()
        };
        let is_hidden = |word: &String| {
            let name = word.trim_start_matches('_');
            word.starts_with("__") && !name.is_empty() || ends_in_hash(word)
        };
        // Its words are also those of the sources that rustc quotes.
        let said = stderr.lines().filter(|line| !is_quoted(line));
        let said = said.collect::<Vec<_>>().join("\n");
        let ours = words(&said).into_iter().find(|word| names.contains(word));
        assert_eq!(
            words(&stderr).into_iter().find(is_hidden).or(ours),
            None,
            "a name of ours in {}",
            case.display()
        );
    }
}

/// Whether the line is `12 | source`, or `   | source`.
fn is_quoted(line: &str) -> bool {
    let number = line
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    number.trim_start().starts_with('|')
}

/// What `expansion` defines, and nobody else is to hear of.
fn names_of_expansion() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/expansion.rs");
    let source = fs::read_to_string(path).expect("a source");
    let defined = source.lines().filter_map(|line| {
        let item = line.strip_prefix("pub ")?;
        let kinds = ["fn ", "trait ", "struct ", "enum ", "type "];
        let item = kinds.iter().find_map(|kind| item.strip_prefix(kind))?;
        item.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    });
    let names: Vec<_> = defined.map(str::to_owned).collect();
    assert!(names.len() >= 5, "only {names:?} are found");
    names
}

/// `name_0123abcd`
fn ends_in_hash(word: &str) -> bool {
    let end = word.rsplit_once('_').map(|(_, end)| end);
    end.is_some_and(|end| end.len() == 8 && end.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Mistakes whose smallest token is the attribute. They are rustc's to explain.
const OF_THE_ATTRIBUTE: [&str; 4] = [
    "place/closure.rs",
    "place/key_value.rs",
    "place/key_value_of_method.rs",
    "place/statement.rs",
];

/// Whether an error points at the `#` of an attribute of ours.
fn is_at_attribute(source: &str, stderr: &str) -> bool {
    let places = stderr.lines().filter_map(|line| {
        let place = line.trim_start().strip_prefix("--> fail/")?;
        let mut numbers = place.split(':').skip(1).map(str::parse::<usize>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    let at = |(line, column)| source.lines().nth(line - 1)?.get(column - 1..);
    places
        .filter_map(at)
        .any(|text: &str| text.starts_with("#[async_op"))
}

/// Each message that the macro can give is in a case, and its headline fits on
/// a line.
#[test]
fn every_message() {
    let stderr: Vec<String> = ["fail", "packages"]
        .iter()
        .flat_map(|directory| files(directory, "stderr"))
        .map(|path| fs::read_to_string(path).expect("a message"))
        .collect();
    let (mut headlines, mut unsaid) = (0, Vec::new());
    for path in files("../macros/src", "rs") {
        let source = fs::read_to_string(&path).expect("a source");
        for call in source.split("cx.error(").skip(1) {
            let headline = call
                .split('"')
                .nth(1)
                .unwrap_or_else(|| panic!("no headline in {}:\n{call}", path.display()));
            assert!(headline.chars().count() <= 90, "too long: {headline}");
            let mut lines = stderr.iter().flat_map(|text| text.lines());
            if !lines.any(|line| is_like(line, headline)) {
                unsaid.push(headline.to_owned());
            }
            headlines += 1;
        }
    }
    assert_eq!(unsaid, [""; 0], "no case says this");
    assert!(headlines > 40, "only {headlines} messages are found");
}

/// Whether `line` is an error that says `headline`, in whose `{}`s is anything.
fn is_like(line: &str, headline: &str) -> bool {
    let Some(mut rest) = line.strip_prefix("error: ") else {
        return false;
    };
    let mut parts = headline.split(['{', '}']).step_by(2);
    let start = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(start) else {
        return false;
    };
    rest = after;
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
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
