//! Tokens as an author would write them.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// A type as one writes it: `io::Result<Vec<u8>>`, not the spaced tokens.
pub(crate) fn display(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write_tokens(&mut text, tokens.to_token_stream());
    text
}

fn write_tokens(text: &mut String, tokens: TokenStream) {
    let mut is_joint = false;
    for token in tokens {
        if !is_joint && needs_space(text, &token) {
            text.push(' ');
        }
        is_joint = matches!(&token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_tokens(text, group.stream());
                text.push_str(close);
            }
            other => text.push_str(&other.to_string()),
        }
    }
}

/// Whether a space separates `token` from the `text` before it.
fn needs_space(text: &str, token: &TokenTree) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let last_word = text.rsplit(|c| !is_word(c)).next().unwrap_or_default();
    let after_keyword = matches!(last_word, "mut" | "const" | "dyn" | "impl" | "as")
        || text
            .strip_suffix(last_word)
            .is_some_and(|rest| rest.ends_with('\''))
            && !last_word.is_empty();
    let after_spaced = [",", ";", "->", "+", "="]
        .iter()
        .any(|punct| text.ends_with(punct))
        || text.ends_with(':') && !text.ends_with("::");
    after_spaced
        || match token {
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                !last_word.is_empty() || text.ends_with(['>', ')'])
            }
            TokenTree::Group(group) => {
                after_keyword || group.delimiter() == Delimiter::Brace && !text.is_empty()
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                '-' | '+' | '=' => true,
                '\'' => !last_word.is_empty(),
                '&' | '*' | '<' | '?' => after_keyword,
                _ => false,
            },
        }
}
