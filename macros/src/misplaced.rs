//! Functions that cannot be right where they stand.

use crate::args::{Args, Default_, Keyed};
use crate::around::{Around, Place, Trait};
use crate::check;
use crate::errors::Errors;
use crate::form::{self, Form};
use crate::manifest;
use crate::model::{self, Role};
use crate::parse::{Body, Function};
use crate::repair;
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
    let name = &function.sig.ident;
    if place.has_above(&name.to_string()) {
        cx.error(
            name,
            format_args!("`{name}` is defined here already"),
            "give one of the two another name",
        );
        return Some(cx.to_compile_errors());
    }
    check_home(args, function, place, cx);
    check_above(function, place, cx);
    check_beside(args, function, place, cx);
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

/// The crate under another name, which rustc calls a crate that it cannot find.
fn check_home(args: &mut Args, function: &Function, place: &Place, cx: &mut Errors) {
    if args.krate.is_some() {
        return;
    }
    let Some(home) = place.home().filter(|_| manifest::is_without_runtime()) else {
        return;
    };
    let Ok(path) = syn::parse_str(&home) else {
        return;
    };
    let name = &function.sig.ident;
    cx.error(
        name,
        "no crate is called `async_op` here",
        format_args!("say what it is called: `#[async_op(crate = {home})]`"),
    );
    args.krate = Some(Keyed {
        key: name.clone(),
        value: path,
    });
}

/// `#[tokio::main]` above the attribute has made a function that blocks of an `async fn`,
/// and is gone.
fn check_above(function: &mut Function, place: &Place, cx: &mut Errors) {
    let sig = &mut function.sig;
    let has_completion = sig.inputs.iter().any(|it| form::completion(it).is_some());
    if form::of(sig) != Form::Handler || has_completion {
        return;
    }
    let attributes = place.above().into_iter();
    let mut paths = attributes.filter_map(|it| {
        let path = it.split('(').next().unwrap_or_default();
        syn::parse_str::<syn::Path>(path).ok()
    });
    if let Some(name) = paths.find_map(|path| check::calls_by_itself(&path)) {
        cx.error(
            &sig.ident,
            format_args!("an operation is no `#[{name}]`"),
            "remove that attribute; write a function that calls it, and `.blocking()`",
        );
        sig.asyncness.get_or_insert_with(Default::default);
        function.body = Body::Block(repair::endless(&sig.ident));
        let allowed = parse_quote!(#[allow(unused_variables)]);
        function.attrs.push(allowed);
    }
}

/// A function that has the name of the one without token.
fn check_beside(args: &mut Args, function: &Function, place: &Place, cx: &mut Errors) {
    if model::role(args, function) == Role::Implemented {
        return;
    }
    let name = &function.sig.ident;
    let Some(twin) = model::twin(args, name, &mut Errors::default()) else {
        return;
    };
    if place.has_beside(&twin.to_string()) {
        cx.error(
            name,
            format_args!("`{twin}`, the function without token, is defined here already"),
            "`#[async_op(default = name)]` gives it another name, `default = false` leaves it out",
        );
        args.default = Some(Keyed {
            key: name.clone(),
            value: Default_::Off,
        });
        args.default_token = None;
    }
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
    if form::of(sig) == Form::Deferred {
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
