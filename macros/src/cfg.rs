//! `#[cfg]` on parameters, which rustc leaves to the macro.

use crate::args::Args;
use crate::parse::Function;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Meta, Token};

/// Takes one `#[cfg]` off the parameters: two functions in place of one, of
/// which rustc drops the one that is not to be. The other comes back here, with
/// the next `#[cfg]`.
///
/// ```text
/// Input:  #[async_op(args)] fn async_x(#[cfg(unix)] fd: Fd, op: Op) { .. }
/// Output: #[cfg(unix)] #[async_op(args)] fn async_x(fd: Fd, op: Op) { .. }
///         #[cfg(not(unix))] #[async_op(args)] fn async_x(op: Op) { .. }
/// ```
pub(crate) fn split(tokens: &TokenStream, args: &Args, function: &Function) -> Option<TokenStream> {
    let params = &function.sig.inputs;
    let (index, cfg) = params
        .iter()
        .enumerate()
        .find_map(|(index, param)| Some((index, first_cfg(param)?)))?;
    let Meta::List(meta) = &cfg.meta else {
        return None;
    };
    let condition = &meta.tokens;
    let mut with: Punctuated<FnArg, Token![,]> = params.clone();
    if let Some(param) = with.get_mut(index) {
        let attrs = attrs_mut(param);
        let at = attrs.iter().position(is_cfg);
        at.map(|at| attrs.remove(at));
    }
    let without = params.iter().enumerate();
    let without = without.filter(|(other, _)| *other != index);
    let without = without.map(|(_, param)| param.clone()).collect();
    let attribute = attribute(tokens, args);
    let with = with_params(function, with);
    let without = with_params(function, without);
    Some(quote! {
        #[cfg(#condition)]
        #attribute
        #with

        #[cfg(not(#condition))]
        #attribute
        #without
    })
}

fn is_cfg(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg")
}

fn first_cfg(param: &FnArg) -> Option<&Attribute> {
    let attrs = match param {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(typed) => &typed.attrs,
    };
    attrs.iter().find(|attr| is_cfg(attr))
}

fn attrs_mut(param: &mut FnArg) -> &mut Vec<Attribute> {
    match param {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(typed) => &mut typed.attrs,
    }
}

fn attribute(tokens: &TokenStream, args: &Args) -> TokenStream {
    let span = Span::mixed_site();
    let runtime = match &args.krate {
        Some(krate) => krate.value.to_token_stream(),
        None => quote_spanned!(span=> ::async_op),
    };
    quote_spanned!(span=> #[#runtime::async_op(#tokens)])
}

fn with_params(function: &Function, params: Punctuated<FnArg, Token![,]>) -> TokenStream {
    let Function {
        attrs,
        vis,
        defaultness,
        sig,
        body,
    } = function;
    let mut sig = sig.clone();
    sig.inputs = params;
    quote!(#(#attrs)* #vis #defaultness #sig #body)
}
