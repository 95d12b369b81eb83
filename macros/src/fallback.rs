//! What a function with mistakes expands to: something that can still be
//! called, so that its callers do not fail with it.

use crate::args::Args;
use crate::attrs::Attrs;
use crate::errors::Errors;
use crate::expand::{self, at};
use crate::model::{self, Operation};
use crate::parse::{Body, Function};
use crate::signature;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

/// For a function that is understood: its signature stands.
pub(crate) fn unchecked(op: &Operation, cx: Errors) -> TokenStream {
    let functions = expand::inert(op);
    let errors = cx.to_compile_errors();
    quote!(#functions #errors)
}

/// For a function that is not: callers may pass any token, and it never
/// returns.
pub(crate) fn unusable(args: &Args, function: &Function, cx: Errors) -> TokenStream {
    let errors = cx.to_compile_errors();
    if let Body::Semi(semi) = &function.body {
        let Function {
            attrs, vis, sig, ..
        } = function;
        return quote!(#(#attrs)* #vis #sig #semi #errors);
    }
    let name = &function.sig.ident;
    let inputs = &function.sig.inputs;
    let token = quote_spanned!(at(name.span())=> token: impl ::core::marker::Sized);
    let arguments = inputs
        .iter()
        .filter(|input| signature::completion(input).is_none());
    let arguments: Vec<_> = arguments.collect();
    let initiating = diverging(function, name, quote!(#(#arguments,)* #token));
    let twin = model::twin(args, name, &mut Errors::default()).flatten();
    let twin = twin.map(|twin| diverging(function, &twin, quote!(#(#arguments),*)));
    quote!(#initiating #twin #errors)
}

fn diverging(function: &Function, name: &Ident, inputs: TokenStream) -> TokenStream {
    let Attrs { docs, outer, .. } = Attrs::route(&function.attrs);
    let Function { vis, sig, .. } = function;
    let (generics, _, where_clause) = sig.generics.split_for_impl();
    quote_spanned! {at(name.span())=>
        #(#docs)*
        #(#outer)*
        #[allow(warnings, reason = "its parameters are not used")]
        #vis fn #name #generics(#inputs) -> ! #where_clause {
            loop {}
        }
    }
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
