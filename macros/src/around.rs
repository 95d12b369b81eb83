//! What is around the function, as far as the source says it.
//!
//! An attribute does not see that. Nothing that compiles depends on this: it is
//! asked where a function cannot be right if the source is what it seems, to say
//! so in place of what rustc says of the expansion; and to leave out of a signature
//! what is true without being said.

use crate::reader::{blocks, Block, Reader, SelfType};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where the attribute stands. In tests, nowhere.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) file: Option<PathBuf>,
    /// Counted from 1, as rustc does.
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// What tells two functions of the same tokens apart, and stays when what is
    /// above them changes, or the directory.
    pub(crate) text: String,
    /// The source, and where the attribute begins in it, once it has been read.
    pub(crate) source: OnceCell<Option<(Rc<Source>, usize)>>,
}

impl Place {
    /// `None` if it cannot be told, as in what a macro writes, or is not worth a look.
    pub(crate) fn around(&self, has_self: bool, has_body: bool) -> Option<Around> {
        // What is not indented is mostly in nothing.
        if self.column == 1 && has_body {
            return None;
        }
        let (source, start) = self.source()?;
        let is_candidate = || is_candidate(source.get(..start).unwrap_or_default(), has_self);
        (!has_body || is_candidate()).then(|| around(source, start))?
    }

    /// Whether the attribute is `#[async_op = ..]`, which rustc has refused before.
    pub(crate) fn is_key_value(&self) -> bool {
        let is_key_value = |(source, start): (&str, usize)| {
            let attribute = source.get(start..)?.split(['(', ']']).next()?;
            Some(attribute.contains('='))
        };
        self.source().and_then(is_key_value).unwrap_or(false)
    }

    /// Whether a function of this name surely stands beside the attribute: in the same
    /// block, and under no attribute that might take it away.
    pub(crate) fn has_beside(&self, name: &str) -> bool {
        self.read()
            .is_some_and(|(source, start)| source.has_beside(start, name, usize::MAX))
    }

    /// The same, above the attribute.
    pub(crate) fn has_above(&self, name: &str) -> bool {
        self.read()
            .is_some_and(|(source, start)| source.has_beside(start, name, start))
    }

    /// What is surely known of `Self`. A lifetime that is left out in the header of an
    /// `impl` is an error there.
    pub(crate) fn self_type(&self) -> SelfType {
        self.read()
            .map_or(SelfType::Unknown, |(source, start)| source.self_type(start))
    }

    /// The attributes right above, as they are written between their brackets.
    pub(crate) fn above(&self) -> Vec<&str> {
        self.source().map_or_else(Vec::new, |(source, start)| {
            above(source.get(..start).unwrap_or_default())
        })
    }

    /// The path that the attribute is taken from, as far as the source says it.
    pub(crate) fn home(&self) -> Option<String> {
        let (source, start) = self.read()?;
        source.home(start)
    }

    fn source(&self) -> Option<(&str, usize)> {
        self.read()
            .map(|(source, start)| (source.text.as_str(), start))
    }

    fn read(&self) -> Option<(&Source, usize)> {
        let source = self.source.get_or_init(|| {
            let source = Source::read(self.file.as_ref()?)?;
            let line = source.lines.get(self.line.checked_sub(1)?)?;
            let start = line + self.column.checked_sub(1)?;
            let attribute = source.text.get(start..)?.strip_prefix("#[")?;
            let attribute = attribute.split(']').next().unwrap_or_default();
            attribute
                .contains("async_op")
                .then(|| (Rc::clone(&source), start))
        });
        source.as_ref().map(|(source, start)| (&**source, *start))
    }
}

/// A source, and what is asked of it again and again.
#[derive(Default)]
pub(crate) struct Source {
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// Where what looks like a function of each name is.
    functions: HashMap<String, Vec<usize>>,
    /// What `use` says of the attribute.
    imported: OnceCell<Option<String>>,
    reader: RefCell<Reader>,
}

impl Source {
    /// That of a file, or the last one, if it is the same still.
    fn read(file: &Path) -> Option<Rc<Self>> {
        thread_local! {
            static LAST: RefCell<Rc<Source>> = RefCell::default();
        }
        let text = fs::read_to_string(file).ok()?;
        LAST.with_borrow_mut(|last| {
            if last.text != text {
                *last = Rc::new(Self::new(text));
            }
            Some(Rc::clone(last))
        })
    }

    fn new(text: String) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        let mut functions: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, keyword) in text.match_indices("fn ") {
            let name = text.get(at + keyword.len()..).unwrap_or_default();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (name, after) = name.split_at(end.unwrap_or(name.len()));
            if after.starts_with(['(', '<']) {
                functions.entry(name.to_owned()).or_default().push(at);
            }
        }
        Self {
            text,
            lines,
            functions,
            ..Self::default()
        }
    }

    fn has_beside(&self, at: usize, name: &str, end: usize) -> bool {
        // The source of a block is read to its end for no other function.
        let Some(functions) = self.functions.get(name) else {
            return false;
        };
        let innermost = |at: usize| {
            let (mut blocks, header) = blocks(self.text.get(..at)?)?;
            Some((blocks.pop().map(|block| block.at), header))
        };
        let mut functions = functions
            .iter()
            .filter(|function| **function < end)
            .peekable();
        if functions.peek().is_none() {
            return false;
        }
        let Some((here, _)) = innermost(at) else {
            return false;
        };
        let is_qualifier =
            |word: &String| ["pub", "const", "async", "unsafe", "extern"].contains(&word.as_str());
        functions.any(|function| {
            innermost(*function).is_some_and(|(there, header)| {
                let is_plain = !header.is_conditional && !header.is_macro && !header.is_cut;
                there == here && is_plain && header.words.iter().all(is_qualifier)
            })
        })
    }

    fn self_type(&self, at: usize) -> SelfType {
        let mut reader = self.reader.borrow_mut();
        if reader.at > at {
            *reader = Reader::default();
        }
        if reader.read(&self.text, at).is_none() {
            // Nothing is known of the rest.
            reader.at = usize::MAX;
            return SelfType::Unknown;
        }
        reader.self_type(&self.text)
    }

    fn home(&self, at: usize) -> Option<String> {
        let attribute = self.text.get(at..)?.strip_prefix("#[")?;
        let path = attribute.split(['(', ']']).next()?.trim();
        if let Some((home, _)) = path.trim_start_matches("::").rsplit_once("::") {
            return is_foreign(home).then(|| home.to_owned());
        }
        let imported = self.imported.get_or_init(|| self.imported());
        imported.clone().filter(|_| path == "async_op")
    }

    fn imported(&self) -> Option<String> {
        let imports = self.lines.iter().filter_map(|line| {
            let line = self.text.get(*line..)?.trim_start_matches(' ');
            // The import ends where it may, on another line.
            line.strip_prefix("use ")?.split(';').next()
        });
        let mut homes = imports.filter_map(|import| imported_from(import, "async_op"));
        let home = homes.next()?;
        (homes.all(|other| other == home) && is_foreign(&home)).then_some(home)
    }
}

/// Whether it is worth reading all of the source, by the first line above that is
/// indented less than the last one.
fn is_candidate(source: &str, has_self: bool) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = source.rsplit('\n');
    let here = lines.next().map_or(0, indent);
    let is_header = |line: &&str| {
        let text = line.trim_start();
        indent(line) < here
            && text.starts_with(|c: char| c.is_alphabetic())
            && !text.starts_with("where")
    };
    let Some(header) = lines.find(is_header) else {
        return false;
    };
    let mut words = header.split([' ', '<', '(']);
    let kind = words
        .find(|word| !matches!(*word, "" | "pub" | "unsafe" | "default") && !word.ends_with(')'));
    match kind {
        Some("impl") => !has_self || header.contains(" for ") || header.contains("impl dyn "),
        Some("trait" | "extern") => true,
        _ => false,
    }
}

/// The innermost block around the function.
#[derive(Debug, PartialEq)]
pub(crate) enum Around {
    /// A module, or the body of a function.
    Nothing,
    Impl,
    /// That of a trait object.
    DynImpl,
    /// The `impl` of a trait. `None` if this file does not say what that is.
    TraitImpl {
        of: Option<Trait>,
    },
    /// The definition of a trait, and whether that says anything of `Self`.
    Trait {
        is_bounded: bool,
    },
    /// An `extern` block.
    Foreign,
}

/// The definition of a trait.
#[derive(Debug, PartialEq)]
pub(crate) struct Trait {
    pub(crate) has_operations: bool,
    /// What is between its braces.
    pub(crate) text: String,
}

fn around(source: &str, at: usize) -> Option<Around> {
    let (blocks, _) = blocks(source.get(..at)?)?;
    let mut around = Around::Nothing;
    for Block { header, .. } in blocks {
        let words = header.words;
        let is_prefix =
            |word: &&String| !matches!(word.as_str(), "pub" | "unsafe" | "crate" | "auto");
        let first = words.iter().find(is_prefix)?;
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        around = match first.as_str() {
            "mod" => Around::Nothing,
            "trait" => Around::Trait {
                is_bounded: has(":") || has("where"),
            },
            "extern" if !has("fn") => Around::Foreign,
            "impl" => match words.iter().position(|word| word == "for") {
                Some(at) => Around::TraitImpl {
                    of: definition(source, words.get(at.checked_sub(1)?)?),
                },
                None if words.iter().any(|word| word == "dyn") => Around::DynImpl,
                None => Around::Impl,
            },
            _ if has("fn") => Around::Nothing,
            _ => return None,
        };
    }
    Some(around)
}

/// The trait of this name, if the source has it.
fn definition(source: &str, name: &str) -> Option<Trait> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = source;
    loop {
        let (_, after) = rest.split_once("trait ")?;
        rest = after;
        let after = match after.trim_start().strip_prefix(name) {
            Some(after) if !after.starts_with(is_word) => after,
            _ => continue,
        };
        let (_, body) = after.split_once('{')?;
        let end = body.match_indices('}').map(|(end, _)| end).find(|end| {
            let body = body.get(..*end).unwrap_or_default();
            blocks(body).is_some_and(|(blocks, _)| blocks.is_empty())
        })?;
        let text = body.get(..end)?.to_owned();
        return Some(Trait {
            has_operations: text.contains("async_op"),
            text,
        });
    }
}

fn above(source: &str) -> Vec<&str> {
    let mut rest = source.trim_end();
    let mut above = Vec::new();
    while let Some(before) = rest.strip_suffix(']') {
        let Some((before, attribute)) = before.rsplit_once("#[") else {
            break;
        };
        above.push(attribute);
        rest = before.trim_end();
    }
    above
}

/// The path that `name` has in a `use`, without itself.
fn imported_from(import: &str, name: &str) -> Option<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut groups = Vec::new();
    let mut rest = import;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
        match rest.chars().next()? {
            '{' => groups.push(path.len()),
            '}' => path.truncate(groups.pop()?),
            ',' => path.truncate(*groups.last()?),
            '*' => {}
            _ => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                if word.is_empty() {
                    return None;
                }
                rest = after;
                let is_last = !after.trim_start().starts_with("::");
                if word == name && is_last && !path.is_empty() {
                    return Some(path.join("::"));
                }
                path.push(word);
                continue;
            }
        }
        rest = rest.get(1..)?;
    }
}

/// Whether the path begins with another crate, which is not called `async_op`.
fn is_foreign(path: &str) -> bool {
    let first = path.split("::").next().unwrap_or_default();
    !["async_op", "crate", "self", "super"].contains(&first)
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::{above, around, Around, Reader, SelfType, Source};

    /// What is around the `@` in `source`.
    fn at(source: &str) -> Option<Around> {
        around(source, source.find('@').expect("a place"))
    }

    #[test]
    fn blocks() {
        assert_eq!(at("fn a() {} @"), Some(Around::Nothing));
        assert_eq!(at("mod a { fn b() { if c {} } @ }"), Some(Around::Nothing));
        assert_eq!(
            at("mod a { struct A { b: B } impl A { fn c() {} @"),
            Some(Around::Impl)
        );
        assert_eq!(
            at("#![a] mod b { impl !C for D {} impl D { @"),
            Some(Around::Impl)
        );
        for (source, is_bounded) in [
            ("pub unsafe trait A: B { @", true),
            ("trait A where Self: B { @", true),
            ("pub(crate) trait A<B: C> { @", false),
        ] {
            assert_eq!(at(source), Some(Around::Trait { is_bounded }));
        }
        assert_eq!(at("unsafe extern \"C\" { @"), Some(Around::Foreign));
        assert_eq!(
            at("fn main() -> io::Result<()> { struct A; @"),
            Some(Around::Nothing)
        );
    }

    #[test]
    fn impls() {
        let inherent = "impl<T: for<'a> Fn(&'a u8) -> u8> A<T> where T: B<C> { @";
        assert_eq!(at(inherent), Some(Around::Impl));
        let unknown = Some(Around::TraitImpl { of: None });
        assert_eq!(
            at("#[a(b)] unsafe impl<T> a::B<T> for C<T> where T: D { @"),
            unknown
        );
        assert_eq!(at("impl B for for<'a> fn(&'a u8) { @"), unknown);
        for (body, expected) in [("fn c();", false), ("#[async_op] fn c() { {} }", true)] {
            let source = format!("trait Bc {{}} trait B<T>: A {{ {body} }} impl B<u8> for C {{ @");
            match at(&source) {
                Some(Around::TraitImpl { of: Some(of) }) => {
                    assert_eq!(of.has_operations, expected);
                    assert_eq!(of.text.trim(), body);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_code() {
        let source = r##"// impl { '
            /* " /* */ impl A { */ const A: &str = "impl B { \" {"; const B: &str = r#"{ " {"#;
            const C: [char; 3] = ['{', '\'', '"']; fn a<'a>(b: &'a str) {} @"##;
        assert_eq!(at(source), Some(Around::Nothing));
    }

    #[test]
    fn what_cannot_be_told() {
        assert_eq!(at("macro_rules! a { () => { impl B { @"), None);
        assert_eq!(at("a! { impl B { @"), None);
        assert_eq!(at("a(impl B { @"), None);
        assert_eq!(at("} @"), None);
    }

    #[test]
    fn functions_beside() {
        let beside = |source: &str| {
            let at = source.find('@').expect("a place");
            Source::new(source.to_owned()).has_beside(at, "b", usize::MAX)
        };
        for source in [
            "fn b() {} @",
            "@ #[a] fn c() {} pub(crate) async fn b<T>(t: T) {}",
            "#[inline] #[async_op::async_op(a = b)] #[doc = \"c\"] fn b() {} @",
            "impl A { @ fn c() {} /* fn d */ fn b() {} } impl B {}",
            "mod a { struct A; @ mod c {} pub const unsafe fn b() {} }",
        ] {
            assert!(beside(source), "{source}");
        }
        for source in [
            "fn bc() {} @",
            "mod a { fn b() {} } @",
            "impl A { @ } impl B { fn b() {} }",
            "#[cfg(windows)] fn b() {} @",
            "#[cfg(windows)] #[inline] pub fn b() {} @",
            "#[inline] #[tokio::test] pub fn b() {} @",
            "// fn b() {}\n @",
            "/* fn b() {} */ @",
            "const A: &str = \"fn b() {}\"; @",
            "a! { fn b() {} } @",
            "macro_rules! a { () => { fn b() {} @ } }",
            "trait A { const B: fn b(); } @",
        ] {
            assert!(!beside(source), "{source}");
        }
    }

    #[test]
    fn attributes_above() {
        let source = "#![a] fn b() {}\n  #[tokio::main(flavor = \"x\")]\n  #[c]\n ";
        assert_eq!(above(source), ["c", "tokio::main(flavor = \"x\")"]);
        assert_eq!(above("let a = [1];"), [""; 0]);
        assert_eq!(above("const A: [u8; 1] = [1]"), [""; 0]);
    }

    #[test]
    fn homes() {
        let home = |source: &str| {
            let at = source.rfind("#[").expect("an attribute");
            Source::new(source.to_owned()).home(at)
        };
        for (source, expected) in [
            ("use foo::async_op; #[async_op] fn", "foo"),
            (
                "use foo::{A, bar::{self, B}, async_op};\n#[async_op(a)]",
                "foo",
            ),
            (
                "  use foo::{\n  A, bar::{B, async_op}};\n#[async_op]",
                "foo::bar",
            ),
            ("use ::foo::async_op;\n#[async_op]", "foo"),
            ("use foo::async_op::async_op;\n#[async_op]", "foo::async_op"),
            ("#[foo::bar::async_op(a)]", "foo::bar"),
            ("#[::foo::async_op]", "foo"),
        ] {
            assert_eq!(home(source).as_deref(), Some(expected), "{source}");
        }
        for source in [
            "use async_op::async_op;\n#[async_op]",
            "use async_op::{A, async_op};\n#[async_op]",
            "use foo::async_op;\nuse async_op::async_op;\n#[async_op]",
            "use foo::*;\n#[async_op]",
            "use async_op;\n#[async_op]",
            "use super::async_op;\n#[async_op]",
            "// use foo::async_op;\n#[async_op]",
            "#[async_op::async_op]",
            "#[crate::async_op]",
        ] {
            assert_eq!(home(source), None, "{source}");
        }
    }

    #[test]
    fn self_types() {
        let mut reader = Reader::default();
        let source = "/* it's */ const A: char = '\\''; impl A<B> { 1 fn a<'a>(a: &'a u8) {} 2 }
            impl<T: B<u8>> A<T> where T: Fn(u8) { 3 } impl<'a> A<'a> { 4 } impl A<&u8> { 5 }
            impl A<[&'static u8; 1]> { 6 } impl A where fn(&u8): B { 7 } mod a { impl B { 8 } 9 }
            macro_rules! a { ($a:ident, $b:ty) => { impl $crate::$a { 11 } impl $b { 12 } } }
            macro_rules! b { ($($a:tt)*) => { impl A<$($a)*> { 13 } } }
            impl<T: Send + 'static> A<T> { 15 } impl<'statics> A<'statics> { 16 }
            #[b] impl A { 14 } #[cfg(a)] #[doc(hidden)] impl A { 17 } #[b] mod b { impl A { 18 } }
            a! { impl A { 10";
        let (concrete, without) = (SelfType::Concrete, SelfType::WithoutLifetimes);
        for (place, expected) in [
            (" 1 ", concrete),
            (" 2 ", concrete),
            (" 3 ", without),
            (" 4 ", SelfType::Unknown),
            (" 5 ", SelfType::Unknown),
            (" 6 ", SelfType::Unknown),
            (" 7 ", SelfType::Unknown),
            (" 8 ", concrete),
            (" 9 ", SelfType::Unknown),
            (" 11 ", concrete),
            (" 12 ", SelfType::Unknown),
            (" 13 ", SelfType::Unknown),
            (" 15 ", without),
            (" 16 ", SelfType::Unknown),
            (" 14 ", SelfType::Unknown),
            (" 17 ", concrete),
            (" 18 ", SelfType::Unknown),
            (" 10", SelfType::Unknown),
        ] {
            let at = source.find(place).expect("a place");
            reader.read(source, at).expect("braces");
            assert_eq!(reader.self_type(source), expected, "{place}");
        }
    }
}
