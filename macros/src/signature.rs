//! The form of an operation and its completion signature.

use crate::args::Args;
use crate::completion;
use crate::errors::Errors;
use crate::form::{self, Form};
use crate::inputs::{Input, Stored};
use crate::lifetimes;
use crate::names;
use crate::plain;
use crate::spans::{at, start_of};
use crate::types::{is_never, is_unit};
use syn::spanned::Spanned as _;
use syn::{
    parse_quote_spanned, FnArg, GenericArgument, Ident, Lifetime, PathArguments, PathSegment,
    ReceiverKind, ReturnType, Signature, Type,
};

/// The completion signature. `None` after reporting that it cannot be told.
pub(crate) fn of(
    form: Form,
    args: &Args,
    sig: &Signature,
    inputs: &[Input],
    lifetime: &Lifetime,
    cx: &mut Errors,
) -> Option<Type> {
    match form {
        Form::Async => of_async(args, sig, inputs, lifetime, cx),
        Form::Deferred => of_deferred(sig, cx),
        Form::Handler => of_handler(sig, cx),
    }
}

/// Whether `#[async_trait]` has made this of an `async fn`.
pub(crate) fn is_rewritten(sig: &Signature) -> bool {
    let mut lifetimes = sig.generics.lifetimes();
    lifetimes.any(|param| param.lifetime.ident == "async_trait")
}

/// Whether the author's function compiles by itself, as far as signatures go.
pub(crate) fn is_sound(sig: &Signature) -> bool {
    let mut cx = Errors::default();
    for named in sig
        .inputs
        .iter()
        .filter_map(form::completion)
        .chain(form::initiation(sig))
    {
        if let Some(signature) = signature_argument(named, &mut cx) {
            completion::check_signature(&signature, form::of(sig), &mut cx);
            completion::check_parameter(&signature, sig, &mut cx);
        }
    }
    cx.is_empty()
}

fn of_handler(sig: &Signature, cx: &mut Errors) -> Option<Type> {
    let mut completions = sig
        .inputs
        .iter()
        .filter_map(|input| Some((input, form::completion(input)?)));
    let Some((_, completion)) = completions.next() else {
        plain::explain(sig, cx);
        return None;
    };
    let mut is_only = true;
    for (extra, _) in completions {
        is_only = false;
        cx.error(
            extra,
            "only one completion parameter is allowed",
            "merge the signatures into one, `op: Completion<fn(A, B)>`",
        );
    }
    let signature = signature_argument(completion, cx)?;
    is_only.then_some(signature)
}

fn of_deferred(sig: &Signature, cx: &mut Errors) -> Option<Type> {
    for completion in sig
        .inputs
        .iter()
        .filter(|input| form::completion(input).is_some())
    {
        cx.error(
            completion,
            "a function that returns an operation takes no completion",
            "remove this parameter, or return nothing and call `op.complete(..)`",
        );
    }
    signature_argument(form::initiation(sig)?, cx)
}

/// The `fn(..)` in `Completion<fn(..)>` or `Initiation<fn(..)>`.
fn signature_argument(segment: &PathSegment, cx: &mut Errors) -> Option<Type> {
    let name = &segment.ident;
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().collect(),
        _ => Vec::new(),
    };
    match &arguments[..] {
        [GenericArgument::Type(signature)] => Some(signature.clone()),
        [] => {
            cx.error(
                segment,
                format_args!("`{name}` has no completion signature"),
                format_args!("`{name}<fn(io::Result<usize>)>`, or `{name}<fn()>`"),
            );
            None
        }
        _ => {
            cx.error(
                segment,
                format_args!("`{name}` takes one completion signature"),
                format_args!("`{name}<fn(A, B)>`"),
            );
            None
        }
    }
}

fn of_async(
    args: &Args,
    sig: &Signature,
    inputs: &[Input],
    lifetime: &Lifetime,
    cx: &mut Errors,
) -> Option<Type> {
    let mut is_async = true;
    for completion in sig
        .inputs
        .iter()
        .filter(|input| form::completion(input).is_some())
    {
        is_async = false;
        cx.error(
            completion,
            "an `async fn` completes with what it returns, it takes no completion",
            "remove this parameter, or remove `async`",
        );
    }
    let signature = match &args.completes {
        Some(completes) => completes.value.clone(),
        None if is_never(sig) => {
            let span = at(sig.ident.span());
            let runtime = names::runtime(args, &sig.ident);
            // The type `!` has no name on stable Rust.
            parse_quote_spanned!(span=> fn(#runtime::Never))
        }
        None => output_signature(sig, inputs, lifetime, cx),
    };
    is_async.then_some(signature)
}

/// The lifetimes of the parameters that the function does not declare, once each.
pub(crate) fn undeclared(sig: &Signature) -> Vec<Lifetime> {
    let mut known: Vec<Lifetime> = sig
        .generics
        .lifetimes()
        .map(|it| it.lifetime.clone())
        .collect();
    let types = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&typed.ty),
        FnArg::Receiver(_) => None,
    });
    let mut undeclared = Vec::new();
    for lifetime in types.flat_map(|ty| lifetimes::named(ty)) {
        if lifetime.ident != "static" && !known.contains(&lifetime) {
            known.push(lifetime.clone());
            undeclared.push(lifetime);
        }
    }
    undeclared
}

/// `fn(Output)`, or `fn()` for a function that returns nothing.
fn output_signature(
    sig: &Signature,
    inputs: &[Input],
    lifetime: &Lifetime,
    cx: &mut Errors,
) -> Type {
    let output = match &sig.output {
        ReturnType::Type(_, output) if !is_unit(output) => output,
        _ => return parse_quote_spanned!(start_of(sig.ident.span())=> fn()),
    };
    let mut output = output.clone();
    if let Some(elided) = lifetimes::first_elided(&output) {
        let source = elision_source(inputs).unwrap_or_else(|copied| {
            cx.error(
                elided,
                format_args!("the result borrows from `{copied}`, which the operation copies"),
                format_args!("name the lifetime: `&'a` in the type of `{copied}` and here"),
            );
            None
        });
        lifetimes::name_elided(&mut output, &source.unwrap_or_else(|| lifetime.clone()));
    }
    parse_quote_spanned!(at(output.span())=> fn(#output))
}

/// What the elided lifetimes of the output stand for, as in any `fn`: the
/// lifetime of a reference to `self`, else the only one there is. `None` where
/// rustc asks for a name. Fails with the name of the parameter if the operation
/// copies it.
fn elision_source(inputs: &[Input]) -> Result<Option<Lifetime>, Ident> {
    let mut sources = inputs.iter().flat_map(|input| {
        let copied = (input.stored == Stored::Copied).then(|| Err(input.name.clone()));
        copied
            .into_iter()
            .chain(lifetimes_of(&input.declared).into_iter().map(Ok))
    });
    let Some(source) = sources.next() else {
        return Ok(None);
    };
    let of_self = inputs
        .first()
        .is_some_and(|first| first.name == "self" && borrows(first));
    if of_self || sources.next().is_none() {
        source.map(Some)
    } else {
        Ok(None)
    }
}

fn borrows(receiver: &Input) -> bool {
    receiver.stored != Stored::Moved
}

/// The lifetimes that have names in a parameter.
pub(crate) fn lifetimes_of(argument: &FnArg) -> Vec<Lifetime> {
    match argument {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(_, lifetime, _) => lifetime.iter().cloned().collect(),
            ReceiverKind::Typed(_, ty) => lifetimes::named(ty),
            _ => Vec::new(),
        },
        FnArg::Typed(typed) => lifetimes::named(&typed.ty),
    }
}
