//! What is around the function, as far as the source says it.
//!
//! An attribute does not see that. Nothing that compiles depends on this: it is
//! asked where a function cannot be right if the source is what it seems, to say
//! so in place of what rustc says of the expansion.

use std::fs;
use std::path::PathBuf;

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
        (!has_body || is_candidate()).then(|| around(&source, start))?
    }

    /// Whether the attribute is `#[async_op = ..]`, which rustc has refused before.
    pub(crate) fn is_key_value(&self) -> bool {
        let is_key_value = |(source, start): (String, usize)| {
            let attribute = source.get(start..)?.split(['(', ']']).next()?.to_owned();
            Some(attribute.contains('='))
        };
        self.source().and_then(is_key_value).unwrap_or(false)
    }

    /// The source, and where the attribute begins in it.
    fn source(&self) -> Option<(String, usize)> {
        let source = fs::read_to_string(self.file.as_ref()?).ok()?;
        let before = source.split_inclusive('\n').take(self.line.checked_sub(1)?);
        let start = before.map(str::len).sum::<usize>() + self.column.checked_sub(1)?;
        let attribute = source.get(start..)?.strip_prefix("#[")?;
        let attribute = attribute.split(']').next().unwrap_or_default();
        attribute.contains("async_op").then_some((source, start))
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
    let blocks = blocks(source.get(..at)?)?;
    let mut around = Around::Nothing;
    for words in blocks {
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
            blocks(body).is_some_and(|blocks| blocks.is_empty())
        })?;
        let text = body.get(..end)?.to_owned();
        return Some(Trait {
            has_operations: text.contains("async_op"),
            text,
        });
    }
}

/// What stands before each brace that is open at the end of `source`, in words,
/// without what is in brackets of any kind. `None` if anything else is open, or a
/// macro.
fn blocks(source: &str) -> Option<Vec<Vec<String>>> {
    let mut open: Vec<(char, Header)> = Vec::new();
    let mut header = Header::default();
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let rest = source.get(at..).unwrap_or_default();
        let skipped = skipped(rest);
        if skipped > 0 {
            while chars.next_if(|(next, _)| *next < at + skipped).is_some() {}
            continue;
        }
        match c {
            '{' | '(' | '[' => open.push((c, std::mem::take(&mut header))),
            '}' | ')' | ']' => {
                let (opened, outer) = open.pop()?;
                header = match opened {
                    '{' => Header::default(),
                    _ => outer,
                };
            }
            ';' => header = Header::default(),
            ':' if header.depth == 0 => header.words.push(c.to_string()),
            '<' => header.depth += 1,
            '>' if !matches!(header.last, '-' | '=') => header.depth -= 1,
            // `name!`, not `#!` or `!=`.
            '!' if header.last.is_alphanumeric() => header.is_macro = true,
            '>' if header.last == '=' => header.is_macro = true,
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                while chars.next_if(|(next, _)| *next < at + word.len()).is_some() {}
                let after = rest.get(word.len()..).unwrap_or_default().trim_start();
                // `for<'a>` is about lifetimes.
                if header.depth == 0 && !(word == "for" && after.starts_with('<')) {
                    header.words.push(word.to_owned());
                }
            }
            _ => {}
        }
        header.last = c;
    }
    let blocks = open.into_iter().map(|(opened, header)| {
        let is_block = opened == '{' && !header.is_macro;
        is_block.then_some(header.words)
    });
    blocks.collect()
}

/// What has been read since the last block or statement.
#[derive(Default)]
struct Header {
    words: Vec<String>,
    is_macro: bool,
    /// Of angle brackets.
    depth: i32,
    last: char,
}

/// How long the comment, string or character is that `source` begins with.
fn skipped(source: &str) -> usize {
    let until = |end: &str, from: usize| {
        let rest = source.get(from..).unwrap_or_default();
        rest.find(end)
            .map_or(source.len(), |at| from + at + end.len())
    };
    if source.starts_with("//") {
        return until("\n", 2);
    }
    if source.starts_with("/*") {
        let mut depth = 0;
        let mut ends = source.char_indices().filter(|(at, _)| {
            let rest = source.get(*at..).unwrap_or_default();
            depth += i32::from(rest.starts_with("/*"));
            depth -= i32::from(rest.starts_with("*/"));
            depth == 0
        });
        return ends.next().map_or(source.len(), |(at, _)| at + 2);
    }
    let raw = source
        .strip_prefix("br")
        .or_else(|| source.strip_prefix("cr"))
        .or_else(|| source.strip_prefix('r'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw.get(hashes..).is_some_and(|raw| raw.starts_with('"')) {
            let start = source.len() - raw.len() + hashes + 1;
            return until(&format!("\"{}", "#".repeat(hashes)), start);
        }
    }
    let mut escaped = false;
    let closes = |quote: char| {
        move |(_, c): &(usize, char)| {
            let is_end = !escaped && *c == quote;
            escaped = !escaped && *c == '\\';
            is_end
        }
    };
    if source.starts_with('"') {
        let end = source.char_indices().skip(1).find(closes('"'));
        return end.map_or(source.len(), |(at, _)| at + 1);
    }
    // A character, not a lifetime.
    if source.starts_with('\'') {
        let mut chars = source.chars().skip(1);
        let is_escape = chars.next() == Some('\\');
        if is_escape || chars.next() == Some('\'') {
            let end = source.char_indices().skip(1).find(closes('\''));
            return end.map_or(source.len(), |(at, _)| at + 1);
        }
    }
    0
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::{around, Around};

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
}
