//! Functions that cannot be right where they stand.

use crate::args::{Args, Keyed};
use crate::around::{Around, Place, Trait};
use crate::errors::Errors;
use crate::model::{self, Form};
use crate::parse::{Body, Function};
use crate::repair;
use crate::signature;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{parse_quote, Receiver, ReceiverKind, Signature};

/// Reports that, and makes `args` and `function` what they were meant to be.
/// Returns the expansion if they were meant to be nothing of ours.
pub(crate) fn check(
    args: &mut Args,
    function: &mut Function,
    place: &Place,
    cx: &mut Errors,
) -> Option<TokenStream> {
    let has_body = matches!(function.body, Body::Block(_));
    let has_self = model::is_associated(args, function) && has_body;
    let is_said = args.implements.is_some() || args.provided.is_some();
    if is_said || !has_body && function.sig.receiver().is_some() {
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
        Around::DynImpl => {
            if let Some(receiver) = copied_self(&function.sig) {
                cx.error(
                    receiver,
                    "a trait object behind a reference cannot be copied",
                    "take `self: Arc<Self>`",
                );
                return Some(cx.to_compile_errors());
            }
        }
        Around::Trait { is_bounded }
            if has_body && needs_provided(function, has_self, is_bounded) =>
        {
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

/// Whether an operation with a body cannot be one of its own in a trait. With
/// bounds that allow it to be stored, the trait's or the function's, `Self` is like
/// any other type.
fn needs_provided(function: &Function, has_self: bool, is_bounded: bool) -> bool {
    let is_bounded = is_bounded || function.sig.generics.where_clause.is_some();
    !has_self || !is_bounded && copied_self(&function.sig).is_some()
}

/// The `&self` of an operation that copies it.
fn copied_self(sig: &Signature) -> Option<&Receiver> {
    let receiver = sig.receiver()?;
    if signature::form(sig) == Form::Deferred {
        return None;
    }
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => Some(receiver),
        _ => None,
    }
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
