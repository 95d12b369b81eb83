//! The figures of the pages are those of `runtime/benches/guard.csv`. Behind each comment
//! `<!--guard:WORKLOAD-->` follow its instructions, behind `<!--guard:WORKLOAD calls-->`
//! its system calls, and behind `<!--guard:WORKLOAD heap-->` its heap allocations.
//!
//! With `UPDATE_EXPECT=1` the pages are rewritten.

use std::fs;
use std::path::Path;

const PAGES: [&str; 4] = [
    "README.md",
    "ARCHITECTURE.md",
    "DEVELOPMENT.md",
    "runtime/benches/README.md",
];
const BEGIN: &str = "<!--guard:";
const END: &str = "-->";

#[test]
fn figures_of_the_pages_are_those_of_the_guard() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let counts = fs::read_to_string(root.join("runtime/benches/guard.csv")).unwrap();
    let mut stale = Vec::new();
    for page in PAGES {
        let path = root.join(page);
        let text = fs::read_to_string(&path).unwrap();
        let updated = with_figures(&text, &counts);
        if updated != text {
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(path, updated).unwrap();
            } else {
                stale.push(page);
            }
        }
    }
    assert!(stale.is_empty(), "stale, see above: {stale:?}");
}

#[test]
fn a_figure_is_replaced_and_nothing_else() {
    let counts = "# a compiler\nworkload,instructions,calls,heap\npost,74,0,0.5\nping,4497,6,0\n";
    let page = "| <!--guard:post-->7, <!--guard:post heap-->1.25. | <!--guard:ping calls-->8 | 8 |";
    let updated =
        "| <!--guard:post-->74, <!--guard:post heap-->0.5. | <!--guard:ping calls-->6 | 8 |";
    assert_eq!(with_figures(page, counts), updated);
    assert_eq!(with_figures(updated, counts), updated);
}

/// `page` with the figures of `counts`; prints which are others.
fn with_figures(page: &str, counts: &str) -> String {
    let mut parts = page.split(BEGIN);
    let mut updated = parts.next().unwrap().to_string();
    for part in parts {
        let (what, rest) = part.split_once(END).expect("the end of a comment");
        let is_figure = |c: char| c.is_ascii_digit() || c == '.';
        let end = rest.find(|c| !is_figure(c)).unwrap_or(rest.len());
        let old = rest[..end].trim_end_matches('.');
        let new = figure(what, counts);
        if old != new {
            println!("{what} is {new}, not {old}");
        }
        updated.extend([BEGIN, what, END, new, &rest[old.len()..]]);
    }
    updated
}

fn figure<'a>(what: &str, counts: &'a str) -> &'a str {
    let (workload, column) = match what.split_once(' ') {
        None => (what, 0),
        Some((workload, "calls")) => (workload, 1),
        Some((workload, "heap")) => (workload, 2),
        Some(_) => panic!("nobody counts {what}"),
    };
    let mut rows = counts.lines().filter_map(|row| row.split_once(','));
    let (_, row) = rows
        .find(|(name, _)| *name == workload)
        .unwrap_or_else(|| panic!("nobody counts {what}"));
    row.split(',').nth(column).unwrap()
}
