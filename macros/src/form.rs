//! What a function looks like: one of three forms.

use crate::types::{self, ungroup};
use syn::{FnArg, PathSegment, ReturnType, Signature, Type, TypeParamBound};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// The body is given a completion.
    Handler,
    /// The output of the body is the completion.
    Async,
    /// The body returns another operation.
    Deferred,
}

/// What the function looks like.
pub(crate) fn of(sig: &Signature) -> Form {
    match (&sig.asyncness, initiation(sig)) {
        (Some(_), _) => Form::Async,
        (None, Some(_)) => Form::Deferred,
        (None, None) => Form::Handler,
    }
}

/// The `Completion` in the type of a parameter.
pub(crate) fn completion(input: &FnArg) -> Option<&PathSegment> {
    match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(typed) => match ungroup(&typed.ty) {
            Type::Path(ty) => ty
                .path
                .segments
                .last()
                .filter(|segment| segment.ident == "Completion"),
            _ => None,
        },
    }
}

/// The bounds of a returned `impl Trait`.
pub(crate) fn bounds(sig: &Signature) -> impl Iterator<Item = &TypeParamBound> {
    let returned = match &sig.output {
        ReturnType::Type(_, ty) => Some(&**ty),
        ReturnType::Default => None,
    };
    returned.into_iter().flat_map(types::bounds_of_impl)
}

/// The `Initiation` that the function returns.
pub(crate) fn initiation(sig: &Signature) -> Option<&PathSegment> {
    bounds(sig).find_map(|bound| types::last_segment(bound, "Initiation"))
}
