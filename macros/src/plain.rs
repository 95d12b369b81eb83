//! A plain function without a completion: what it was meant to be.

use crate::display::display;
use crate::errors::Errors;
use crate::types::{self, bounds_of, find_segment, last_segment, parameters, types};
use proc_macro2::{Delimiter, Group, TokenStream};
use syn::{FnArg, GenericArgument, PathArguments, PathSegment, ReturnType, Signature, Type};

/// Explains how such a function says what it completes with.
pub(crate) fn explain(sig: &Signature, cx: &mut Errors) {
    if sig
        .inputs
        .iter()
        .rev()
        .any(|param| explain_param(param, sig, cx))
    {
        return;
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        if !types::is_unit(ty) {
            return explain_output(ty, cx);
        }
    }
    let help = "add a last parameter `op: Completion<fn(..)>`, or make it an `async fn`";
    match sig.inputs.last() {
        Some(last) => cx.error(
            last,
            "no parameter is written `Completion<fn(..)>`",
            format_args!("{help}; an alias is not seen"),
        ),
        None => cx.error(parentheses(sig), "missing completion parameter", help),
    }
}

fn parentheses(sig: &Signature) -> Group {
    let mut parentheses = Group::new(Delimiter::Parenthesis, TokenStream::new());
    parentheses.set_span(sig.paren_token.span.join());
    parentheses
}

/// Whether the parameter takes the place of the completion.
fn explain_param(param: &FnArg, sig: &Signature, cx: &mut Errors) -> bool {
    let FnArg::Typed(typed) = param else {
        return false;
    };
    if let Some(completion) = find_segment(&typed.ty, |segment| segment.ident == "Completion") {
        cx.error(
            &typed.ty,
            "the completion is taken by value",
            format_args!("`{}`", display(completion)),
        );
        return true;
    }
    let bounds = bounds_of(&typed.ty, sig);
    let token = bounds
        .iter()
        .find_map(|bound| last_segment(bound, "CompletionToken"));
    if let Some(token) = token {
        let signature = types(token).last().map_or("fn(..)".to_owned(), display);
        cx.error(
            param,
            "the token is the caller's, and the macro adds its parameter",
            format_args!("take `op: Completion<{signature}>` instead"),
        );
        return true;
    }
    if let Some(inputs) = bounds.iter().find_map(|bound| parameters(bound)) {
        cx.error(
            param,
            "a callback leaves callers no choice of how the result arrives",
            format_args!(
                "take `op: Completion<fn({})>` instead, and call `op.complete(..)`",
                display(inputs)
            ),
        );
        return true;
    }
    false
}

fn explain_output(ty: &Type, cx: &mut Errors) {
    if let Some(output) = future(ty) {
        return cx.error(
            ty,
            "an operation does not return a future",
            format_args!("make it an `async fn` that returns `{output}`"),
        );
    }
    if let Some(operation) = find_segment(ty, |segment| segment.ident == "Operation") {
        let signature = types(&operation)
            .next()
            .map_or("fn(..)".to_owned(), display);
        return cx.error(
            ty,
            "the type of an operation has no name",
            format_args!("return `impl Initiation<{signature}>`"),
        );
    }
    if let Some(operation) = boxed_initiation(ty) {
        let operation = display(operation);
        return cx.error(
            ty,
            "what makes an operation is not boxed: its type is known to the compiler",
            format_args!("return `impl {operation}`"),
        );
    }
    let output = display(ty);
    cx.error(
        ty,
        "an operation does not return its result, it completes with it",
        format_args!(
            "make it an `async fn`, or add a last parameter `op: Completion<fn({output})>`"
        ),
    );
}

/// The `Initiation` in a `Box<dyn Initiation<S>>`.
pub(crate) fn boxed_initiation(ty: &Type) -> Option<PathSegment> {
    find_segment(ty, |segment| segment.ident == "Initiation")
}

/// The output, if the type is a future: `impl Future<Output = T>`, a boxed
/// `dyn Future`, or `BoxFuture<'_, T>`.
pub(crate) fn future(ty: &Type) -> Option<String> {
    let is_future = |segment: &PathSegment| {
        let name = &segment.ident;
        name == "Future" || name == "BoxFuture" || name == "LocalBoxFuture"
    };
    let future = find_segment(ty, is_future)?;
    let PathArguments::AngleBracketed(arguments) = &future.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) => Some(display(&output.ty)),
        GenericArgument::Type(output) => Some(display(output)),
        _ => None,
    })
}
