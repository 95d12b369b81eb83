//! Places of the source, with the hygiene and edition of this crate.

use proc_macro2::Span;

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
