//! The public interface, as rustdoc shows it, is that of `ui-tests/api.txt`: what is not
//! private, and the impls, also those of `Send` and its like, those for all types that meet some
//! bounds, and what features there are. What changes there changes for users, and what goes, or
//! asks for more, takes a new major version.
//!
//! The links of the guide and the README lead to pages of it, and each function has an example.
//!
//! With `UPDATE_EXPECT=1` the file is rewritten. All features, on Linux.

#![cfg(target_os = "linux")]

use async_op_ui_tests::targets;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a page lists besides: the code of its item, and the headers of impls and members.
const ITEM: (&str, &str) = ("<pre class=\"rust item-decl\"><code>", "</code></pre>");
const HEADERS: [(&str, &str); 2] = [
    ("<h3 class=\"code-header\">", "</h3>"),
    ("<h4 class=\"code-header\">", "</h4>"),
];
/// Where the rest of a page is of others: blanket impls, and the types of other pages.
const ENDS: [&str; 2] = ["id=\"blanket-implementations\"", "id=\"implementors\""];
/// Of the compiler alone.
const UNSTABLE: [&str; 2] = ["Freeze", "UnsafeUnpin"];

#[test]
fn the_interface_is_the_one_that_is_listed() {
    let target = targets(env!("CARGO_TARGET_TMPDIR"));
    let root = target.join("doc/async_op");
    // Pages of what is no more would stay.
    let _ = fs::remove_dir_all(&root);
    let status = Command::new(env!("CARGO"))
        .args(["doc", "--no-deps", "--all-features", "--offline", "--quiet"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime"))
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .status();
    assert!(status.expect("cargo runs").success());
    let mut listed = String::from("The public interface; see `tests/api.rs`.\n");
    let pages = pages(&root);
    list_features(&mut listed);
    for page in &pages {
        list(&root, page, &mut listed);
    }
    for page in &pages {
        list_blanket_impls(&root, page, &mut listed);
    }
    links_lead_somewhere(&root);
    each_function_has_an_example(&root, &pages);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("api.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return fs::write(path, listed).expect("the list");
    }
    let expected = fs::read_to_string(path).expect("the list");
    let gone = expected.lines().filter(|line| !listed.contains(line));
    let new = listed.lines().filter(|line| !expected.contains(line));
    let (gone, new) = (gone.collect::<Vec<_>>(), new.collect::<Vec<_>>());
    assert!(listed == expected, "gone: {gone:#?}\nnew: {new:#?}");
}

/// Pages that are read on GitHub, too, where no link can be of rustdoc.
fn links_lead_somewhere(root: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = fs::read_dir(here.join("runtime/src/guide")).expect("the guide");
    let guide = guide.map(|entry| entry.expect("a page").path());
    let mut seen = 0;
    for page in guide.chain([here.join("README.md")]) {
        let text = fs::read_to_string(&page).expect("a page");
        let of_rustdoc = text.contains("](crate::") || text.contains("](macro@");
        assert!(!of_rustdoc, "{}", page.display());
        for link in text
            .split("https://docs.rs/async-op/latest/async_op/")
            .skip(1)
        {
            seen += 1;
            let link = link.split([')', ' ', '\n']).next().unwrap_or_default();
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = match file {
                "" => "index.html".to_owned(),
                file if file.ends_with('/') => format!("{file}index.html"),
                file => file.to_owned(),
            };
            let html = fs::read_to_string(root.join(file)).unwrap_or_default();
            let is_there = html.contains(&match anchor {
                "" => "<html".to_owned(),
                anchor => format!("id=\"{anchor}\""),
            });
            assert!(is_there, "{}: {link}", page.display());
        }
    }
    assert!(seen > 100, "{seen} links");
}

/// Of its own, or on the page that it is on: that of the initiating function, for one without a
/// token; that of another of its name; that of its trait, which implements it.
fn each_function_has_an_example(root: &Path, pages: &[PathBuf]) {
    let has_example = |docs: &str| docs.contains("rust-example-rendered");
    let mut found = BTreeMap::<String, bool>::new();
    for path in pages {
        let page = fs::read_to_string(path).expect("a page");
        let Some((_, mut rest)) = between(&page, ITEM) else {
            continue;
        };
        for end in ENDS {
            rest = rest.split(end).next().unwrap_or_default();
        }
        let path = path.strip_prefix(root).expect("a path").to_string_lossy();
        let kind = path.rsplit('/').next().and_then(|it| it.split('.').next());
        let mut sections = rest.split("<section id=\"");
        let own = sections.next().unwrap_or_default();
        if kind == Some("fn") {
            let name = path.trim_end_matches(".html").rsplit('.').next();
            let has_one = has_example(own) || is_without_token(name.expect("a name"), own);
            found.insert(path.to_string(), has_one);
        }
        let own = text(own);
        for section in sections {
            let method = section.strip_prefix("method.");
            let Some(name) = method.or(section.strip_prefix("tymethod.")) else {
                continue;
            };
            // Else it is shown here, and is another crate's.
            if !section.contains("/src/async_op/") {
                continue;
            }
            // Of several of a name, those that follow have a number.
            let name = name.split(['"', '-']).next().unwrap_or_default();
            let header = between(section, HEADERS[1]).map(|it| text(it.0));
            let is_of_trait = kind == Some("trait");
            if !is_of_trait && !header.is_some_and(|it| it.starts_with("pub ")) {
                continue;
            }
            let is_implemented = |opened| own.contains(&format!("fn {name}{opened}"));
            let has_one = has_example(section)
                || is_without_token(name, section)
                || is_of_trait && (is_implemented('(') || is_implemented('<'));
            *found.entry(format!("{path}: {name}")).or_default() |= has_one;
        }
    }
    assert!(found.len() > 500, "{}", found.len());
    found.retain(|_, has_one| !*has_one);
    assert!(found.is_empty(), "no example: {:#?}", found.keys());
}

/// Whether it is said to be another form of an initiating function.
fn is_without_token(name: &str, docs: &str) -> bool {
    let docs = text(docs);
    let says = |what| docs.contains(&format!("{what} async_{name},"));
    says("The operation of") || says("As")
}

/// The pages of items, in order.
fn pages(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("pages") {
            let path = entry.expect("a page").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "html") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn list(root: &Path, path: &Path, listed: &mut String) {
    let page = fs::read_to_string(path).expect("a page");
    let Some((item, mut rest)) = between(&page, ITEM) else {
        return;
    };
    // `net/struct.TcpStream.html`, or an alias of it.
    let name = path.strip_prefix(root).expect("a path").with_extension("");
    let (modules, name) = (name.parent(), name.file_name());
    let name = name.expect("a name").to_string_lossy().replace('.', " ");
    let modules = modules.expect("modules").to_string_lossy();
    let (kind, name) = name.split_once(' ').expect("a kind");
    let module = modules.split('/').filter(|it| !it.is_empty());
    let names = module.chain([name]).collect::<Vec<_>>().join("::");
    writeln!(listed, "\n{kind} {names}\n    {}", text(item)).expect("room");
    for end in ENDS {
        rest = rest.split(end).next().unwrap_or_default();
    }
    while let Some((header, behind)) = next_header(rest) {
        rest = behind;
        write_header(&header, listed);
    }
}

/// Those of a trait of ours that are on no page of a type: for whatever has what they ask for.
fn list_blanket_impls(root: &Path, path: &Path, listed: &mut String) {
    let page = fs::read_to_string(path).expect("a page");
    let Some((_, mut rest)) = page.split_once(ENDS[1]) else {
        return;
    };
    let mut is_new = false;
    let mut found = String::new();
    while let Some((header, behind)) = next_header(rest) {
        rest = behind;
        if header.starts_with("impl") {
            is_new = !listed.contains(&format!("    {header}\n"));
        }
        if is_new {
            write_header(&header, &mut found);
        }
    }
    if !found.is_empty() {
        let name = path.strip_prefix(root).expect("a path").display();
        write!(listed, "\nimplementors in {name}\n{found}").expect("room");
    }
}

/// What each turns on besides, as it is written.
fn list_features(listed: &mut String) {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("a manifest");
    let table = between(&manifest, ("[features]\n", "\n["))
        .expect("a table")
        .0;
    listed.push_str("\nfeatures\n");
    for line in table.lines().filter(|it| it.contains(" = ")) {
        writeln!(listed, "    {line}").expect("room");
    }
}

/// The header of an impl or a member, whichever comes first, and what is behind it.
fn next_header(rest: &str) -> Option<(String, &str)> {
    let found = HEADERS.iter().filter_map(|it| between(rest, *it));
    let (header, behind) = found.max_by_key(|(_, behind)| behind.len())?;
    Some((text(header), behind))
}

fn write_header(header: &str, listed: &mut String) {
    let is_of = |name: &&str| header.contains(&format!("{name} for "));
    if UNSTABLE.iter().any(is_of) {
        return;
    }
    // What an impl of a trait has is known of the trait, but for its types.
    let indent = match header.split([' ', '<']).next() {
        Some("impl") => 4,
        Some("pub") => 8,
        Some("type") if header.contains(" = ") => 8,
        _ => return,
    };
    writeln!(listed, "{:indent$}{header}", "").expect("room");
}

/// What is between two marks, and what is behind the second.
fn between<'a>(page: &'a str, (begin, end): (&str, &str)) -> Option<(&'a str, &'a str)> {
    page.split_once(begin)?.1.split_once(end)
}

/// A piece of a page without its tags, in one line.
fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        let (tag, rest) = part.split_once('>').unwrap_or(("", part));
        // The bounds of an item are on lines of their own.
        if tag.contains("where") {
            text.push(' ');
        }
        text.push_str(rest);
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("\u{24d8}", ""),
        ("&amp;", "&"),
    ];
    for (entity, character) in entities {
        text = text.replace(entity, character);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
