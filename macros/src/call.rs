//! How the functions of an operation are called.

use crate::model::Operation;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned, ToTokens};
use syn::GenericParam;

/// `self.name::<T, _>`
pub(crate) fn method(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let span = op.span;
    let receiver = op.inputs.first().map(|input| &input.name);
    let name = named(op, name, with_token);
    quote_spanned!(span=> #receiver.#name)
}

/// `Self::name::<T>`, with the author's type and const parameters.
pub(crate) fn path(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let scope = op.associated.then(|| quote_spanned!(op.span=> Self::));
    let name = named(op, name, with_token);
    quote!(#scope #name)
}

fn named(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let span = op.span;
    let mut arguments: Vec<_> = op
        .sig
        .generics
        .params
        .iter()
        .filter_map(parameter_name)
        .collect();
    if arguments.is_empty() {
        return name.into_token_stream();
    }
    if with_token {
        arguments.push(quote_spanned!(span=> _));
    }
    quote_spanned!(span=> #name::<#(#arguments),*>)
}

fn parameter_name(param: &GenericParam) -> Option<TokenStream> {
    match param {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(param) => Some(param.ident.to_token_stream()),
        GenericParam::Const(param) => Some(param.ident.to_token_stream()),
    }
}
