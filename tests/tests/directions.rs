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
                    let module = match &*stem {
                        "mod" | "lib" => module.clone(),
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
                    if after.first().is_some_and(is_of_tests) {
                        rest = skip_item(&after[1..]);
                    }
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

#[test]
fn print() {
    let root = PathBuf::from("/work/main");
    for src in ["runtime/src", "macros/src"] {
        let files = Crate::read(&root.join(src));
        for (file, other) in files.directions() {
            println!("{src} {} {}", file.join("/"), other.join("/"));
        }
    }
}
