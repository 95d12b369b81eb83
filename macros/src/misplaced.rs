//! Functions that cannot be right where they stand.

use crate::args::{Args, Keyed};
use crate::around::{Around, Place, Trait};
use crate::errors::Errors;
use crate::model;
use crate::parse::{Body, Function};
use crate::repair;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

/// Reports that, and makes `args` and `function` what they were meant to be.
/// Returns the expansion if they were meant to be nothing of ours.
pub(crate) fn check(
    args: &mut Args,
    function: &mut Function,
    place: &Place,
    cx: &mut Errors,
) -> Option<TokenStream> {
    let has_body = matches!(function.body, Body::Block(_));
    let is_plain = args.implements.is_none() && args.provided.is_none();
    let has_self = model::is_associated(args, function) && has_body;
    if !is_plain || !has_body && function.sig.receiver().is_some() {
        return None;
    }
    let name = &function.sig.ident;
    let said = || {
        Some(Keyed {
            key: name.clone(),
            value: (),
        })
    };
    match place.around(has_self, has_body)? {
        Around::Impl if !has_self => {
            cx.error(
                name,
                "this operation is in an `impl`, but mentions neither `self` nor `Self`",
                "say so: `#[async_op(associated)]`",
            );
            args.associated = said();
        }
        Around::Trait if has_body => {
            cx.error(
                name,
                "an operation of a trait that has a body is one that types need not write",
                "say so: `#[async_op(provided)]`",
            );
            args.provided = said();
        }
        Around::TraitImpl { of: Some(of) } if of.has_operations => {
            cx.error(
                name,
                "this is the body of an operation that the trait declares",
                "say so: `#[async_op(implements)]`",
            );
            args.implements = said();
        }
        // What is not in this file may declare operations.
        Around::TraitImpl { of: None } if name.to_string().starts_with("async_") => {}
        Around::TraitImpl { of } => return Some(of_plain_trait(function, of.as_ref(), cx)),
        Around::Nothing if !has_body => {
            cx.error(
                &function.body,
                "an operation has a body, but for those that a trait requires",
                "write it",
            );
            function.body = Body::Block(repair::endless(name));
            function
                .attrs
                .push(parse_quote!(#[allow(unused_variables)]));
        }
        Around::Foreign => {
            cx.error(
                name,
                "a function of another language is no operation",
                "write one that calls it, with the attribute",
            );
            return Some(cx.to_compile_errors());
        }
        _ => {}
    }
    None
}

/// What the trait has is there, lest it be missing, and nothing else is, lest it
/// be too much.
fn of_plain_trait(function: &Function, of: Option<&Trait>, cx: &mut Errors) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        body,
        ..
    } = function;
    let name = &sig.ident;
    cx.error(
        name,
        "the trait declares no operation, so this `impl` has no place for one",
        "move it into an `impl` of the type, or put `#[async_op]` on the trait's method, too",
    );
    let errors = cx.to_compile_errors();
    let method = format!("fn {name}");
    match of {
        Some(of) if !of.text.contains(&method) => errors,
        _ => quote!(#(#attrs)* #vis #sig #body #errors),
    }
}
