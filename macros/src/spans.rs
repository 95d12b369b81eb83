//! Places of the source, with the hygiene and edition of this crate.

#![allow(
    clippy::incompatible_msrv,
    unstable_name_collisions,
    reason = "what a compiler does not tell is in `Untold`"
)]

use proc_macro2::Span;
use std::path::PathBuf;

/// The place of `span`, with the hygiene and edition of this crate. Lints for
/// the author's code leave such tokens alone.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Where `span` begins. An editor asks what is written at a name, and is given
/// all that the macro writes at just that name; a compiler shows the place.
pub(crate) fn start_of(span: Span) -> Span {
    if !proc_macro::is_available() {
        return at(span);
    }
    at(Span::from(span.unwrap().start()))
}

/// Where `span` ends, and rustc suggests to add generics to a name.
pub(crate) fn end_of(span: Span) -> Span {
    if !proc_macro::is_available() {
        return at(span);
    }
    at(Span::from(span.unwrap().end()))
}

/// The file of `span`, if it is one that can be read.
pub(crate) fn local_file(span: proc_macro::Span) -> Option<PathBuf> {
    span.local_file()
}

/// The name of the file of `span`.
pub(crate) fn file(span: proc_macro::Span) -> String {
    span.file()
}

/// The line and the column where `span` begins, both counted from 1.
pub(crate) fn line_and_column(span: proc_macro::Span) -> (usize, usize) {
    (span.line(), span.column())
}

/// What compilers before 1.88 tell of a span: nothing. Since then it has methods of these
/// names, and those come first.
#[allow(dead_code, reason = "these are called by older compilers alone")]
trait Untold {
    fn start(&self) -> Self;
    fn end(&self) -> Self;
    fn line(&self) -> usize;
    fn column(&self) -> usize;
    fn file(&self) -> String;
    fn local_file(&self) -> Option<PathBuf>;
}

impl Untold for proc_macro::Span {
    fn start(&self) -> Self {
        *self
    }

    fn end(&self) -> Self {
        *self
    }

    fn line(&self) -> usize {
        0
    }

    fn column(&self) -> usize {
        0
    }

    fn file(&self) -> String {
        String::new()
    }

    fn local_file(&self) -> Option<PathBuf> {
        None
    }
}
