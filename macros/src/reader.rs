//! Reads a source as far as blocks and what stands before them.

/// What is known of the type that an `impl` is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SelfType {
    /// It has no parameters: it is `'static`.
    Concrete,
    /// It may have type parameters, but no lifetimes.
    WithoutLifetimes,
    /// Anything.
    Unknown,
}

/// A brace that is open.
pub(crate) struct Block {
    /// Where it is.
    pub(crate) at: usize,
    /// What stands before it.
    pub(crate) header: Header,
}

/// The braces that are open at the end of `source`, and what stands there. `None` if
/// anything else is open, or a macro.
pub(crate) fn blocks(source: &str) -> Option<(Vec<Block>, Header)> {
    let mut reader = Reader::default();
    reader.read(source, source.len())?;
    let blocks = reader.open.into_iter().map(|(opened, block)| {
        let is_block = opened == '{' && !block.header.is_macro;
        is_block.then_some(block)
    });
    let blocks = blocks.collect::<Option<_>>()?;
    Some((blocks, reader.header))
}

/// Reads a source from its beginning, once for all that stands in it.
#[derive(Default)]
pub(crate) struct Reader {
    /// How far it has come.
    pub(crate) at: usize,
    /// What is open there.
    open: Vec<(char, Block)>,
    header: Header,
}

impl Reader {
    /// `None` if more is closed than is open.
    pub(crate) fn read(&mut self, source: &str, end: usize) -> Option<()> {
        let source = source.get(..end)?;
        while let Some(rest) = source.get(self.at..).filter(|rest| !rest.is_empty()) {
            let skipped = skipped(rest);
            if skipped > 0 {
                self.at += skipped;
                self.header.is_cut = self.at >= end;
                continue;
            }
            let c = rest.chars().next()?;
            let at = self.at;
            self.at += c.len_utf8();
            match c {
                '{' | '(' | '[' => {
                    let header = std::mem::take(&mut self.header);
                    self.open.push((c, Block { at, header }));
                }
                '}' | ')' | ']' => self.close()?,
                // Not that of `[u8; 1]`.
                ';' if self.open.last().is_none_or(|(opened, _)| *opened != '[') => {
                    self.header = Header::default();
                }
                ':' if self.header.depth == 0 => self.header.words.push(c.to_string()),
                '<' => {
                    let is_of_impl = self.header.words.last().is_some_and(|last| last == "impl");
                    self.header.has_parameters |= is_of_impl && self.header.depth == 0;
                    self.header.depth += 1;
                }
                '>' if !matches!(self.header.last, '-' | '=') => self.header.depth -= 1,
                // `name!`, not `#!` or `!=`.
                '!' if self.header.last.is_alphanumeric() => {
                    self.header.is_macro = true;
                    let last = self.header.words.last();
                    self.header.is_call |= last.is_none_or(|last| last != "macro_rules");
                }
                '>' if self.header.last == '=' => self.header.is_macro = true,
                '&' => self.header.borrows = true,
                '\'' => self.header.borrows |= !is_static(rest),
                '$' => {
                    let name = source.get(self.at..).unwrap_or_default();
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
                    self.header.fragments.push(name.to_owned());
                }
                c if c.is_alphabetic() || c == '_' => self.word(rest),
                _ => {}
            }
            self.header.last = c;
        }
        Some(())
    }

    pub(crate) fn self_type(&self, source: &str) -> SelfType {
        let is_brace = |(opened, Block { header, .. }): &(char, Block)| {
            *opened == '{' && !header.is_call && !header.is_rewritten
        };
        let Some((_, Block { at, header })) = self.open.last() else {
            return SelfType::Unknown;
        };
        let is_impl = header.words.first().is_some_and(|first| first == "impl");
        let is_as_written = is_impl && self.open.iter().all(is_brace);
        let before = source.get(..*at).unwrap_or_default();
        let is_known = |name: &String| is_identifier(before, name);
        match !is_as_written || header.borrows || !header.fragments.iter().all(is_known) {
            true => SelfType::Unknown,
            false if header.has_parameters => SelfType::WithoutLifetimes,
            false => SelfType::Concrete,
        }
    }

    fn close(&mut self) -> Option<()> {
        let (opened, Block { header: outer, .. }) = self.open.pop()?;
        let inner = std::mem::replace(&mut self.header, outer);
        match opened {
            '{' => self.header = Header::default(),
            '[' if self.header.last == '#' => {
                self.header.is_conditional |= !inner.is_harmless();
                let is_cfg = inner.words.first().is_some_and(|first| first == "cfg");
                self.header.is_rewritten |= !inner.is_harmless() && !is_cfg;
            }
            _ => {
                self.header.borrows |= inner.borrows;
                self.header.fragments.extend(inner.fragments);
            }
        }
        Some(())
    }

    /// Reads the word that `rest` begins with, whose first character has been read.
    fn word(&mut self, rest: &str) {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        self.at += word.len() - word.chars().next().map_or(0, char::len_utf8);
        // `for<'a>` is about lifetimes.
        if self.header.depth == 0 && !(word == "for" && after.trim_start().starts_with('<')) {
            self.header.words.push(word.to_owned());
        }
    }
}

/// What has been read since the last block or statement.
#[derive(Default)]
pub(crate) struct Header {
    /// But what is in brackets of any kind.
    pub(crate) words: Vec<String>,
    /// Whether it is that of a macro, or of an arm of one.
    pub(crate) is_macro: bool,
    /// Whether it is that of a macro that is called, and makes what it likes of the block.
    is_call: bool,
    /// What stands for something else in a macro.
    fragments: Vec<String>,
    /// Whether it is that of an `impl<..>`.
    has_parameters: bool,
    /// Whether there is a lifetime, or a reference.
    borrows: bool,
    /// Whether there is an attribute that may take away what it is of.
    pub(crate) is_conditional: bool,
    /// Whether there is an attribute that may make something else of it.
    is_rewritten: bool,
    /// Whether the source ends in a comment or a string.
    pub(crate) is_cut: bool,
    /// Of angle brackets.
    depth: i32,
    last: char,
}

/// Whether `'static` is what `rest` begins with.
fn is_static(rest: &str) -> bool {
    let after = rest.strip_prefix("'static");
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Whether the macro that `source` ends in takes an identifier by this name: that has no
/// lifetimes, where a type may.
fn is_identifier(source: &str, name: &str) -> bool {
    let declared = source.rsplit_once(&format!("${name}:"));
    name == "crate" || declared.is_some_and(|(_, kind)| kind.trim_start().starts_with("ident"))
}

impl Header {
    /// Whether these are the words of an attribute that leaves its function there.
    fn is_harmless(&self) -> bool {
        const HARMLESS: [&str; 9] = [
            "async_op",
            "allow",
            "warn",
            "deny",
            "expect",
            "inline",
            "doc",
            "must_use",
            "track_caller",
        ];
        let first = self.words.first();
        first.is_some_and(|first| HARMLESS.contains(&first.as_str()))
    }
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
