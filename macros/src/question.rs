//! The `?` in the body of a function that returns nothing.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The first one that is surely the function's own: in no closure, `async` block,
/// function or macro.
pub(crate) fn first(body: TokenStream) -> Option<TokenTree> {
    let mut tokens = body.into_iter();
    let mut last = String::new();
    while let Some(token) = tokens.next() {
        let text = match &token {
            TokenTree::Group(group) => {
                if let Some(found) = first(group.stream()) {
                    return Some(found);
                }
                "()".to_owned()
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => token.to_string(),
        };
        match text.as_str() {
            // Of a bound it is a part: `T: ?Sized`.
            "?" if !matches!(last.as_str(), ":" | "+" | "<" | "," | "") => return Some(token),
            "async" | "fn" | "try" => {
                let is_block = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                tokens.find(is_block);
            }
            // `name!(..)`, and `!(..)` after a keyword.
            "!" if last.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                tokens.next();
            }
            // Its body may have a comma, of arguments of a type.
            "|" if opens_closure(&last) => {
                let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
                tokens.find(is_end);
            }
            _ => {}
        }
        last = text;
    }
    None
}

/// Whether a `|` after `last` cannot stand between two operands or patterns.
fn opens_closure(last: &str) -> bool {
    let is_operand = |c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | '"' | '\'' | '?');
    matches!(last, "move" | "return" | "else" | "in" | "match" | "if")
        || !last.ends_with(is_operand)
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::first;

    fn has(source: &str) -> bool {
        first(source.parse().expect("tokens")).is_some()
    }

    #[test]
    fn the_functions_own() {
        assert!(has("let a = b()?; c(a);"));
        assert!(has("if a { b(c[d?]) }"));
        assert!(has("let a = |b| b + 1; a(c)?;"));
        assert!(has("let a = b | c?;"));
        assert!(has("match a { B | C => d?, _ => {} }"));
    }

    #[test]
    fn of_others() {
        assert!(!has("let a = |b| b?; c(a);"));
        assert!(!has("let a = |b, c| -> D<E, F> { b? }; c(a);"));
        assert!(!has("let a = |b| b.parse::<C<D, E>>()?; c(a);"));
        assert!(!has("a(|b| b, c?)"));
        assert!(!has("a(move || { b()? });"));
        assert!(!has("spawn(async move { a()?; });"));
        assert!(!has("fn a() -> Option<()> { b()? } a();"));
        assert!(!has(
            "fn a<T: ?Sized>(_: &T) {} let b: Box<dyn C + ?Sized> = d;"
        ));
        assert!(!has("a!(b?);"));
    }
}
