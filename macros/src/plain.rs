//! A plain function without a completion: what it was meant to be.

use crate::docs;
use crate::errors::Errors;
use crate::model::ungroup;
use crate::signature;
use proc_macro2::{Delimiter, Group, TokenStream};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericArgument, GenericParam, NamedArg, PathArguments, PathSegment, ReturnType,
    Signature, Token, Type, TypeParamBound, WherePredicate,
};

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
        if !signature::is_unit(ty) {
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
            format_args!("`{}`", docs::display(completion)),
        );
        return true;
    }
    let bounds = bounds_of(&typed.ty, sig);
    let token = bounds
        .iter()
        .find_map(|bound| last_segment(bound, "CompletionToken"));
    if let Some(token) = token {
        let signature = types(token)
            .last()
            .map_or("fn(..)".to_owned(), docs::display);
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
                docs::display(inputs)
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
            .map_or("fn(..)".to_owned(), docs::display);
        return cx.error(
            ty,
            "the type of an operation has no name",
            format_args!("return `impl Initiation<{signature}>`"),
        );
    }
    if let Some(operation) = boxed_initiation(ty) {
        let operation = docs::display(operation);
        return cx.error(
            ty,
            "what makes an operation is not boxed: its type is known to the compiler",
            format_args!("return `impl {operation}`"),
        );
    }
    let output = docs::display(ty);
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
        GenericArgument::AssocType(output) => Some(docs::display(&output.ty)),
        GenericArgument::Type(output) => Some(docs::display(output)),
        _ => None,
    })
}

/// The types among the arguments of `segment`.
fn types(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    let arguments = arguments.into_iter().flatten();
    arguments.filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The bounds of an `impl Trait`.
pub(crate) fn bounds_of_impl(ty: &Type) -> impl Iterator<Item = &TypeParamBound> {
    let bounds = match ungroup(ty) {
        Type::ImplTrait(ty) => Some(&ty.bounds),
        _ => None,
    };
    bounds.into_iter().flatten()
}

/// The bounds of an `impl Trait`, or of a type parameter of the function.
pub(crate) fn bounds_of<'a>(ty: &'a Type, sig: &'a Signature) -> Vec<&'a TypeParamBound> {
    let name = match ungroup(ty) {
        Type::ImplTrait(_) => return bounds_of_impl(ty).collect(),
        Type::Path(path) => path.path.get_ident(),
        _ => None,
    };
    let Some(name) = name else {
        return Vec::new();
    };
    let inline = sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) if param.ident == *name => Some(&param.bounds),
        _ => None,
    });
    let predicates = sig.generics.where_clause.iter();
    let predicates = predicates.flat_map(|clause| &clause.predicates);
    let bounds = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => match &predicate.bounded_ty {
            Type::Path(path) if path.path.is_ident(name) => Some(&predicate.bounds),
            _ => None,
        },
        _ => None,
    });
    inline.chain(bounds).flatten().collect()
}

/// The `A, B` in the bound `Fn(A, B) -> C`.
pub(crate) fn parameters(bound: &TypeParamBound) -> Option<&Punctuated<NamedArg, Token![,]>> {
    match bound {
        TypeParamBound::Trait(bound) => match bound.path.segments.last() {
            Some(PathSegment {
                arguments: PathArguments::Parenthesized(arguments),
                ..
            }) => Some(&arguments.inputs),
            _ => None,
        },
        _ => None,
    }
}

pub(crate) fn last_segment<'a>(bound: &'a TypeParamBound, name: &str) -> Option<&'a PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .filter(|segment| segment.ident == name),
        _ => None,
    }
}

/// The first segment of a path, anywhere in `ty`, that is `wanted`.
fn find_segment(ty: &Type, wanted: impl Fn(&PathSegment) -> bool) -> Option<PathSegment> {
    struct Find<F> {
        wanted: F,
        found: Option<PathSegment>,
    }

    impl<F: Fn(&PathSegment) -> bool> Visit<'_> for Find<F> {
        fn visit_path_segment(&mut self, segment: &PathSegment) {
            if self.found.is_none() && (self.wanted)(segment) {
                self.found = Some(segment.clone());
            }
            visit::visit_path_segment(self, segment);
        }
    }

    let mut find = Find {
        wanted,
        found: None,
    };
    find.visit_type(ty);
    find.found
}
