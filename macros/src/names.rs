//! The names that the author uses, and those that are free.

use crate::args::Args;
use crate::spans::{at, start_of};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote_spanned;
use std::collections::HashSet;
use syn::ext::IdentExt as _;
use syn::Token;

/// The names that the author uses.
pub(crate) struct Names {
    args: HashSet<String>,
    item: HashSet<String>,
    /// Of all that the author has written, and where.
    pub(crate) hash: u32,
}

impl Names {
    pub(crate) fn new(args: &TokenStream, item: &TokenStream, place: &str) -> Self {
        let (mut in_args, mut in_item) = (HashSet::new(), HashSet::new());
        let mut hash = Hash::default();
        hash.add(place);
        collect_names(args.clone(), &mut in_args, &mut hash);
        collect_names(item.clone(), &mut in_item, &mut hash);
        Self {
            args: in_args,
            item: in_item,
            hash: hash.0,
        }
    }

    /// Whether an argument of the attribute mentions the name.
    pub(crate) fn in_args(&self, name: &Ident) -> bool {
        self.args.contains(&name.unraw().to_string())
    }

    /// `base`, or if the author uses that, `base2` and so on.
    pub(crate) fn fresh(&self, base: &str) -> String {
        let numbered = (2..).map(|n| format!("{base}{n}"));
        let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
        candidates
            .find(|name| !self.args.contains(name) && !self.item.contains(name))
            .unwrap_or_default()
    }
}

/// Collects identifiers, and lifetimes with their apostrophe.
fn collect_names(tokens: TokenStream, names: &mut HashSet<String>, hash: &mut Hash) {
    let mut prefix = "";
    for token in tokens {
        match &token {
            TokenTree::Group(group) => {
                hash.add("(");
                collect_names(group.stream(), names, hash);
                hash.add(")");
            }
            TokenTree::Ident(ident) => {
                let name = format!("{prefix}{}", ident.unraw());
                hash.add(&name);
                names.insert(name);
            }
            TokenTree::Punct(punct) => hash.add(punct.as_char().encode_utf8(&mut [0; 4])),
            TokenTree::Literal(literal) => hash.add(&literal.to_string()),
        }
        let is_apostrophe = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        prefix = if is_apostrophe { "'" } else { "" };
    }
}

/// FNV-1a: the same on every machine.
struct Hash(u32);

impl Default for Hash {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Hash {
    /// Adds a token.
    fn add(&mut self, token: &str) {
        for byte in token.bytes().chain([0]) {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
}

/// The path of the runtime's `expansion` module, for what is written at `name`,
/// which rustc underlines: it says of calls to it that "future cannot be sent".
pub(crate) fn runtime(args: &Args, name: &Ident) -> TokenStream {
    let span = start_of(name.span());
    match &args.krate {
        Some(krate) => {
            let path = &krate.value;
            quote_spanned!(span=> #path::expansion)
        }
        None => {
            let colons = Token![::](at(name.span()));
            quote_spanned!(span=> #colons async_op::expansion)
        }
    }
}
