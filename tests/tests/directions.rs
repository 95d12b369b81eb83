//! Each file knows only files below it: the order is the one that ARCHITECTURE.md draws.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// `initiation::traits` as `["initiation", "traits"]`.
type Name = Vec<String>;

/// A source file: what it defines, what it takes from elsewhere, and under which names.
#[derive(Default)]
struct File {
    defines: BTreeSet<String>,
    /// From the root, `crate` left out.
    names: BTreeSet<Name>,
    /// What it is known by here, and its own name.
    uses: BTreeMap<String, Name>,
}

/// The files of a crate by their modules.
struct Crate(BTreeMap<Name, File>);

impl Crate {
    fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![(src.to_owned(), Name::new())];
        while let Some((folder, module)) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let inside = |stem: String| [&module[..], &[stem]].concat();
                if stem == "tests" || stem == "loom_tests" || stem == "testing" {
                    continue;
                } else if path.is_dir() {
                    folders.push((path, inside(stem)));
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    assert_ne!(stem, "mod", "{path:?}: `name.rs` heads the folder `name`");
                    let module = match &*stem {
                        "lib" => module.clone(),
                        _ => inside(stem),
                    };
                    let text = fs::read_to_string(&path).unwrap();
                    let mut file = File::default();
                    file.read(&module, text.parse().unwrap());
                    files.insert(module, file);
                }
            }
        }
        Self(files)
    }

    /// Returns the file that defines `name`, if one of the crate does.
    fn home_of(&self, name: &[String]) -> Option<&Name> {
        let mut name = name.to_owned();
        // By way of those that use it: of another crate, it may be used in a circle.
        for _ in 0..9 {
            let is_file = |length: &usize| self.0.contains_key(&name[..*length]);
            let length = (0..=name.len()).rev().find(is_file)?;
            let (module, file) = self.0.get_key_value(&name[..length])?;
            match name.get(length) {
                Some(item) if !file.defines.contains(item) => {
                    let used = file.uses.get(item)?;
                    name = [&used[..], &name[length + 1..]].concat();
                }
                _ => return Some(module),
            }
        }
        None
    }

    /// Returns which files each file needs.
    fn directions(&self) -> BTreeSet<(&Name, &Name)> {
        let needs = self.0.iter().flat_map(|(module, file)| {
            let names = file.names.iter();
            names.filter_map(move |name| Some((module, self.home_of(name)?)))
        });
        needs.filter(|(file, other)| file != other).collect()
    }
}

impl File {
    fn read(&mut self, module: &Name, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        let mut is_shown = false;
        while let Some((token, after)) = rest.split_first() {
            let item = rest;
            rest = after;
            let was_shown = std::mem::take(&mut is_shown);
            match token {
                // `#[cfg(test)]`, and what it is of.
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    rest = match after.first() {
                        Some(attribute) if is_of_tests(attribute) => skip_item(&after[1..]),
                        _ => after,
                    };
                }
                TokenTree::Group(group) => {
                    is_shown = was_shown && group.delimiter() == Delimiter::Parenthesis;
                    self.inside(module, group.stream());
                }
                TokenTree::Ident(word) => match &*word.to_string() {
                    "struct" | "enum" | "trait" | "fn" | "type" | "static" | "const" | "union"
                    | "macro_rules" => {
                        let names = after.iter().filter_map(|token| match token {
                            TokenTree::Ident(name) => Some(name.to_string()),
                            _ => None,
                        });
                        let mut names = names.skip_while(|name| name == "mut" || name == "fn");
                        self.defines.extend(names.next());
                    }
                    // Not that of `impl Sized + use<>`.
                    "use" if !after.first().is_some_and(|token| is_punct(token, '<')) => {
                        let end = after.iter().position(|token| is_punct(token, ';'));
                        let end = end.expect("a use ends");
                        // What it shows to others it may not need itself.
                        self.tree(module, &[], &after[..end], !was_shown);
                        rest = &after[end..];
                    }
                    "pub" => is_shown = true,
                    "crate" | "super" | "self" => self.path(module, item),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    /// What is in braces defines nothing that others know, but for functions of traits.
    fn inside(&mut self, module: &Name, tokens: TokenStream) {
        let mut file = Self::default();
        file.read(module, tokens);
        self.names.append(&mut file.names);
    }

    /// A tree of `use`, which begins with `prefix`.
    fn tree(&mut self, module: &Name, prefix: &[String], tokens: &[TokenTree], is_needed: bool) {
        for tree in tokens.split(|token| is_punct(token, ',')) {
            let mut path = prefix.to_owned();
            let mut known_as = None;
            let mut tokens = tree.iter();
            while let Some(token) = tokens.next() {
                match token {
                    TokenTree::Ident(word) if word == "as" => {
                        known_as = tokens.next().map(ToString::to_string);
                    }
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Group(group) => {
                        let inside: Vec<_> = group.stream().into_iter().collect();
                        self.tree(module, &path, &inside, is_needed);
                        path.clear();
                    }
                    _ => {}
                }
            }
            if let Some(name) = absolute(module, &path)
                && let Some(last) = path.last()
            {
                let known_as = known_as.unwrap_or_else(|| last.clone());
                self.uses.insert(known_as, name.clone());
                self.names.extend(is_needed.then_some(name));
            }
        }
    }

    /// A path in an expression or a type.
    fn path(&mut self, module: &Name, tokens: &[TokenTree]) {
        let mut path = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                _ => break,
            }
        }
        // `self` is a value, but for `self::`.
        if tokens.get(1).is_some_and(|token| is_punct(token, ':')) {
            self.names.extend(absolute(module, &path));
        }
    }
}

/// Returns a path of a file from the root.
fn absolute(module: &Name, path: &[String]) -> Option<Name> {
    let first = path.first()?;
    let mut base = match &**first {
        "crate" => Name::new(),
        // A module of its own, else another crate: that has no home here.
        _ => module.clone(),
    };
    let ups = path.iter().filter(|word| *word == "super").count();
    base.truncate(base.len().checked_sub(ups)?);
    let names = path
        .iter()
        .filter(|word| !matches!(&***word, "crate" | "self" | "super" | "*"));
    Some(base.into_iter().chain(names.cloned()).collect())
}

fn is_punct(token: &TokenTree, which: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == which)
}

fn is_of_tests(attribute: &TokenTree) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text.starts_with("[cfg(") && text.contains("test") && !text.contains("not(test")
}

/// Returns what comes after an item.
fn skip_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    let end = tokens
        .iter()
        .position(ends)
        .map_or(tokens.len(), |end| end + 1);
    &tokens[end..]
}

/// Those that know each other, and why: the second of each pair is below the first, and
/// knows it all the same.
const TOGETHER: [(&str, &str); 11] = [
    // Two halves of one thing.
    ("context/registration", "context/waiters"),
    ("cancel/signal", "cancel/group"),
    ("initiation/traits", "token/completion_token"),
    ("completion", "task/block"),
    ("task/frame", "task/stub"),
    ("sync/channel", "sync/deliver"),
    // The methods of a trait are the operations.
    ("io/read", "io/stream"),
    ("io/write", "io/stream"),
    // A thread that runs has its scheduler, and knows no other place to say so.
    ("context/scheduler", "context/runner"),
    ("context/scheduler", "context/scheduler/crew"),
    // The one thing that the reactor fires: by name, as a call by pointer would cost.
    ("time/state", "context/reactor"),
];

/// The one room whose files know each other: what an author writes names what is made of it.
const ONE_ROOM: &str = "net/pipeline";

fn are_in_one_room(file: &str, other: &str) -> bool {
    file.starts_with(ONE_ROOM) && other.starts_with(ONE_ROOM)
}

/// Returns the floors of a crate that ARCHITECTURE.md draws, from the top.
fn floors(src: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, drawing) = text.split_once(&format!("`{src}`")).expect("it is drawn");
    let (_, drawing) = drawing.split_once("```text\n").expect("a drawing");
    let (drawing, _) = drawing.split_once("```").expect("the drawing ends");
    let mut floors = Vec::<Vec<String>>::new();
    for line in drawing.lines() {
        let (name, rooms) = line.split_at(20);
        if !name.trim().is_empty() {
            floors.push(Vec::new());
        }
        let rooms = rooms.split('·').map(|room| room.trim().to_owned());
        floors.last_mut().expect("a floor has a name").extend(rooms);
    }
    floors
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Checks that each file is on a floor, needs no file above, and is in no circle.
fn check(src: &str) {
    let (files, floors) = (Crate::read(&root().join(src)), floors(src));
    let floor_of = |file: &Name| {
        // A file, else the nearest of the rooms that it is in.
        let path = file.join("/") + "/";
        let is_in = |room: &String| match room.strip_suffix(".rs") {
            Some(room) => path.strip_suffix('/') == Some(room),
            None => path
                .strip_prefix(&**room)
                .is_some_and(|rest| rest.starts_with('/')),
        };
        let rooms = floors.iter().enumerate().flat_map(|(floor, rooms)| {
            let rooms = rooms.iter().filter(|room| is_in(room));
            rooms.map(move |room| (room.len(), floor))
        });
        rooms.max().map(|(_, floor)| floor)
    };
    let mut wrong = Vec::new();
    let mut below = BTreeMap::<String, BTreeSet<String>>::new();
    for (file, other) in files.directions() {
        let (from, to) = (file.join("/"), other.join("/"));
        // What is in the root is shown from there.
        if from.is_empty() || to.is_empty() || TOGETHER.contains(&(&to, &from)) {
            continue;
        }
        if are_in_one_room(&from, &to) {
            continue;
        }
        match (floor_of(file), floor_of(other)) {
            (None, _) => wrong.push(format!("{from} is on no floor")),
            (Some(here), Some(there)) if there < here => {
                wrong.push(format!("{from} needs {to}, which is above"));
            }
            _ => {}
        }
        below.entry(from).or_default().insert(to);
    }
    // What is left when those that need nothing are taken away, again and again.
    while let Some((file, _)) = below
        .iter()
        .find(|(_, needs)| needs.iter().all(|other| !below.contains_key(other)))
    {
        let file = file.clone();
        below.remove(&file);
    }
    let circles = below.iter().map(|(file, needs)| {
        let needs = needs.iter().filter(|other| below.contains_key(*other));
        format!(
            "{file} is in a circle, or above one: {:?}",
            needs.collect::<Vec<_>>()
        )
    });
    wrong.extend(circles);
    wrong.dedup();
    assert!(wrong.is_empty(), "{src}:\n{}", wrong.join("\n"));
    let is_there = |room: &&String| {
        let place = root().join(src).join(room);
        place.exists() || place.with_extension("rs").exists()
    };
    let empty: Vec<_> = floors
        .iter()
        .flatten()
        .filter(|room| !is_there(room))
        .collect();
    assert!(empty.is_empty(), "{src} has no {empty:?}");
}

#[test]
fn of_the_runtime() {
    check("runtime/src");
}

/// An exception that nobody needs any more is none.
#[test]
fn those_that_are_together_know_each_other() {
    let files = Crate::read(&root().join("runtime/src"));
    let directions = files.directions();
    let names = |(file, other): &(&Name, &Name)| (file.join("/"), other.join("/"));
    let known: BTreeSet<_> = directions.iter().map(names).collect();
    for (above, below) in TOGETHER {
        let (above, below) = (above.to_owned(), below.to_owned());
        assert!(
            known.contains(&(below.clone(), above.clone())),
            "{below} does not need {above}"
        );
        assert!(
            known.contains(&(above.clone(), below.clone())),
            "{above} does not need {below}"
        );
    }
}

#[test]
fn of_the_macro() {
    check("macros/src");
}

/// A file that is put above another which needs it is found, and so is a circle.
#[test]
fn what_is_wrong_is_found() {
    let mut files = Crate(BTreeMap::new());
    for (name, text) in [
        (
            "a",
            "use crate::b::{self, B}; pub struct A; #[cfg(test)] mod tests { use super::e::E; }",
        ),
        (
            "b",
            "pub use crate::c::C as D; pub(crate) use crate::e::E; pub struct B;",
        ),
        (
            "c",
            "impl C { fn f() -> impl Sized + use<> { super::b::D; crate::d::E::new() } }",
        ),
        (
            "d",
            "pub(super) use super::b::E; const fn g(self: &Self) {}",
        ),
        ("e", "pub static E: u8 = 1;"),
    ] {
        let mut file = File::default();
        file.read(&vec![name.to_owned()], text.parse().unwrap());
        files.0.insert(vec![name.to_owned()], file);
    }
    let found = files.directions().into_iter();
    let found: Vec<_> = found
        .map(|(file, other)| [&*file[0], &*other[0]].concat())
        .collect();
    // Not "be", which only shows what it is.
    assert_eq!(found, ["ab", "ce"]);
}
