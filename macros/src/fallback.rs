//! What a function with mistakes expands to: something that can still be
//! called, so that its callers do not fail with it.

use crate::args::Args;
use crate::attrs::Attrs;
use crate::errors::Errors;
use crate::expand;
use crate::form;
use crate::model::{self, Operation, Role};
use crate::names::{self, Names};
use crate::parse::{Body, Function};
use crate::signature;
use crate::spans::at;
use crate::types;
use proc_macro2::{Group, Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, ReturnType, Signature};

/// For a function that is understood: its signature stands.
pub(crate) fn unchecked(op: &Operation, cx: Errors) -> TokenStream {
    let functions = expand::inert(op);
    let errors = cx.to_compile_errors();
    quote!(#functions #errors)
}

/// For a function that is not: callers may pass any token, and do anything with
/// what it returns.
pub(crate) fn unusable(args: &Args, function: &Function, names: &Names, cx: Errors) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        body,
        ..
    } = function;
    let errors = cx.to_compile_errors();
    let body = match body {
        Body::Block(body) => body,
        Body::Semi(semi) => return quote!(#(#attrs)* #vis #sig #semi #errors),
    };
    let role = model::role(args, function);
    if role == Role::Implemented {
        let mut sig = model::unqualified(sig);
        sig.ident = model::body_name(&sig, role, names);
        return quote!(#sig #body #errors);
    }
    let is_argument = |input: &&FnArg| form::completion(input).is_none();
    let arguments: Vec<_> = sig.inputs.iter().filter(is_argument).collect();
    let token = quote_spanned!(at(sig.ident.span())=> token: impl ::core::marker::Sized);
    let is_associated = model::is_associated(args, function);
    let (nested, sibling) = match authors(function, body, names) {
        Some(body) if is_associated => (None, Some(body)),
        Some(body) => (Some(body), None),
        None => (Some(uncalled(sig, body, &cx)), None),
    };
    let initiating = mistaken(
        args,
        function,
        &sig.ident,
        quote!(#(#arguments,)* #token),
        nested,
    );
    // rustc reports no missing function where there is another error, and so
    // nothing that callers do with its result. It does report missing methods.
    let twin = is_associated
        .then(|| model::twin(args, &sig.ident, &mut Errors::default()))
        .flatten()
        .map(|twin| mistaken(args, function, &twin, quote!(#(#arguments),*), None));
    quote!(#initiating #twin #sibling #errors)
}

/// The author's function, if nothing else is wrong with it.
fn authors(function: &Function, body: &Group, names: &Names) -> Option<TokenStream> {
    let attrs = Attrs::route(&function.attrs).body;
    let mut sig = model::unqualified(&function.sig);
    sig.ident = model::body_name(&sig, Role::Own, names);
    signature::is_sound(&sig).then(|| expand::hidden(&sig, Role::Own, &attrs, Some(body)))
}

/// The author's body in a closure that nobody calls, for the editor. The
/// completion that it has no more is an error, of which rustc says nothing else;
/// its import shall not seem unused.
fn uncalled(sig: &Signature, body: &Group, cx: &Errors) -> TokenStream {
    let completions = sig
        .inputs
        .iter()
        .filter_map(form::completion)
        .map(|named| &named.ident);
    let named = sig
        .inputs
        .iter()
        .filter(|input| form::completion(input).is_some())
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&typed.pat),
            FnArg::Receiver(_) => None,
        });
    let errors = cx.to_compile_errors();
    let asyncness = &sig.asyncness;
    let output = match &sig.output {
        ReturnType::Type(_, ty) if !types::has_impl_trait(ty) => Some(&sig.output),
        _ => None,
    };
    quote! {
        #(use #completions as _;)*
        #(let #named = { #errors };)*
        let _ = #asyncness || #output #body;
    }
}

fn mistaken(
    args: &Args,
    function: &Function,
    name: &Ident,
    inputs: TokenStream,
    body: Option<TokenStream>,
) -> TokenStream {
    let Attrs { docs, outer, .. } = Attrs::route(&function.attrs);
    let Function { vis, sig, .. } = function;
    let runtime = names::runtime(args, name);
    let (generics, _, where_clause) = sig.generics.split_for_impl();
    quote_spanned! {at(name.span())=>
        #(#docs)*
        #(#outer)*
        #[allow(warnings, reason = "its parameters are not used")]
        #vis fn #name #generics(#inputs) -> #runtime::Mistaken #where_clause {
            #body
            #runtime::Mistaken
        }
    }
}

/// For a method that `#[async_trait]` has made of an `async fn`: no operation is
/// left to be seen, but the rest of the trait fits together.
pub(crate) fn rewritten(item: &TokenStream, function: &Function, mut cx: Errors) -> TokenStream {
    cx.error(
        &function.sig.ident,
        "`#[async_trait]` has rewritten this operation",
        "remove it here; `async fn`s that are no operations go into a trait of their own",
    );
    unparsed(item, cx)
}

/// For what is no function.
pub(crate) fn unparsed(item: &TokenStream, cx: Errors) -> TokenStream {
    let errors = cx.to_compile_errors();
    quote!(#item #errors)
}

/// For a bug in this macro.
pub(crate) fn internal_error(item: &TokenStream) -> TokenStream {
    quote! {
        #item
        ::core::compile_error!("internal error in `async_op` (please report)");
    }
}
