//! The mistakes that rustc would not explain well.
//!
//! Left to rustc, because it says it better: types that do not exist, a first
//! parameter that is no I/O object, names that clash, a body that does not fit.

use crate::args::{Args, Default_, Keyed};
use crate::completion;
use crate::display::display;
use crate::errors::Errors;
use crate::form::{self, Form};
use crate::inputs::{Input, Stored};
use crate::lifetimes;
use crate::model::Operation;
use crate::parse::{Body, Function};
use crate::question;
use crate::signature;
use crate::types::{self, ungroup};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, FnArg, Meta, Pat, PatType, ReceiverKind, ReturnType, Safety, Signature, Type,
    TypeFnPtr, TypeParamBound,
};

/// What needs no understanding of the function.
pub(crate) fn function(args: &Args, function: &Function, cx: &mut Errors) {
    if let Some(default) = &function.defaultness {
        cx.error(
            default,
            "specialised methods are not supported",
            "remove `default`",
        );
    }
    check_qualifiers(&function.sig, cx);
    check_role(args, function, cx);
    check_attributes(&function.attrs, cx);
}

/// What depends on the form.
pub(crate) fn operation(args: &Args, op: &Operation, cx: &mut Errors) {
    check_arguments(args, op, cx);
    check_output(args, op, cx);
    check_params(op, cx);
    if let (Form::Handler, Some(body)) = (op.form, &op.body) {
        if let Some(question) = question::first(body.stream()) {
            cx.error(
                question,
                "a function that is given a completion has nowhere to return an error to",
                "complete with it: `op.complete(Err(error.into()))`, or write an `async fn`",
            );
        }
    }
}

/// Arguments of the attribute that the form has no use for.
fn check_arguments(args: &Args, op: &Operation, cx: &mut Errors) {
    let is_deferred = matches!(op.form, Form::Deferred);
    let is_off = |given: &Keyed<Default_>| matches!(given.value, Default_::Off);
    if let (Some(_), Some(default_token)) = (
        args.default.as_ref().filter(|it| is_off(it)),
        &args.default_token,
    ) {
        cx.error(
            &default_token.key,
            "`default_token` is for the function that `default = false` leaves out",
            "remove one of them",
        );
    }
    if let (Form::Handler | Form::Deferred, Some(cancellation)) = (op.form, &args.cancellation) {
        let help = match op.form {
            Form::Deferred => "remove it; the returned operation says what it honours",
            _ => "remove it and call `op.on_cancel(..)` in the body",
        };
        cx.error(
            &cancellation.key,
            "`cancellation` is for an `async fn`",
            help,
        );
    }
    if let (true, Some(executor)) = (is_deferred, &args.executor) {
        cx.error(
            &executor.key,
            "`executor` has no use here, the returned operation has its own",
            "remove it",
        );
    }
    if let (false, Some(executor)) = (is_deferred, &args.executor) {
        check_executor(&executor.value, cx);
    }
    if let (false, Some(completes)) = (matches!(op.form, Form::Async), &args.completes) {
        let place = if is_deferred {
            "Initiation"
        } else {
            "Completion"
        };
        cx.error(
            &completes.key,
            "`completes` is for an `async fn`",
            format_args!("remove it and write the signature in `{place}<..>`"),
        );
    }
}

/// What is surely no executor.
fn check_executor(executor: &Expr, cx: &mut Errors) {
    match executor {
        Expr::Reference(reference) => cx.error(
            executor,
            "an operation has an executor of its own, not a borrowed one",
            format_args!("`{}.clone()`", display(&reference.expr)),
        ),
        Expr::Lit(_) => cx.error(
            executor,
            "this is not an executor",
            "an expression for one: `executor = SystemExecutor`, or `executor = self.executor()`",
        ),
        _ => {}
    }
}

/// What an operation of a trait is given where.
fn check_role(args: &Args, function: &Function, cx: &mut Errors) {
    if let (Some(provided), Some(_)) = (&args.provided, &args.implements) {
        cx.error(
            &provided.key,
            "`provided` is for the definition of a trait, `implements` for its `impl`",
            "remove one of them",
        );
    }
    if let Body::Semi(semi) = &function.body {
        if let Some(provided) = &args.provided {
            cx.error(
                &provided.key,
                "this operation has no body, so it is required, not provided",
                "remove `provided`, or write the body",
            );
        }
        if args.implements.is_some() {
            cx.error(
                semi,
                "an `impl` has the body of the operation",
                "write it, or remove `implements` if this is the definition of the trait",
            );
        }
    }
    if args.implements.is_some() {
        let keys = [
            args.executor.as_ref().map(|given| &given.key),
            args.default.as_ref().map(|given| &given.key),
            args.default_token.as_ref().map(|given| &given.key),
            args.cancellation.as_ref().map(|given| &given.key),
        ];
        for key in keys.into_iter().flatten() {
            cx.error(
                key,
                format_args!("`{key}` belongs to the definition of the trait"),
                "move it there",
            );
        }
    }
}

fn check_attributes(attrs: &[Attribute], cx: &mut Errors) {
    for attr in attrs {
        let name = attr
            .path()
            .segments
            .last()
            .map(|segment| segment.ident.to_string());
        match name.as_deref() {
            Some("async_op") => cx.error(
                attr.path(),
                "`#[async_op]` is given twice",
                "remove one of them",
            ),
            Some(name) if is_called_by_itself(attr) => cx.error(
                attr.path(),
                format_args!("an operation is no `#[{name}]`"),
                "write a function that calls it, and `.blocking()`",
            ),
            Some("target_feature") => not_supported(attr, "target_feature", cx),
            Some("unsafe") => {
                let name = match &attr.meta {
                    Meta::List(list) => list.tokens.clone().into_iter().next(),
                    _ => None,
                };
                if let Some(TokenTree::Ident(name)) = name {
                    not_supported(attr, &name.to_string(), cx);
                }
            }
            _ => {}
        }
    }
}

/// Such attributes belong to one function, and an operation is several.
fn not_supported(attr: &Attribute, name: &str, cx: &mut Errors) {
    cx.error(
        &attr.meta,
        format_args!("`{name}` is not supported on operations"),
        "put it on a function of its own, and call that from the body",
    );
}

fn check_qualifiers(sig: &Signature, cx: &mut Errors) {
    if let Some(token) = &sig.constness {
        cx.error(
            token,
            "an asynchronous operation cannot be `const`",
            "remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        cx.error(
            token,
            "unsafe operations are not supported",
            "make the operation safe, and what it relies on an invariant of the type",
        );
    }
    if let Some(abi) = &sig.abi {
        cx.error(
            abi,
            "an asynchronous operation has no ABI of its own",
            "remove `extern`",
        );
    }
    if let Some(variadic) = &sig.variadic {
        cx.error(
            variadic,
            "C-variadic functions are not supported",
            "take a slice or a `Vec`",
        );
    }
}

fn check_output(args: &Args, op: &Operation, cx: &mut Errors) {
    match (&op.form, &op.sig.output) {
        (Form::Handler, ReturnType::Type(_, output)) if !types::is_unit(output) => cx.error(
            output,
            "a function that is given a completion returns nothing",
            "remove the return type and call `op.complete(..)`, or remove the completion parameter",
        ),
        (Form::Async, output) => {
            if let Some(completes) = &args.completes {
                if let Type::FnPtr(signature) = ungroup(&completes.value) {
                    check_completes(signature, output, op, cx);
                }
            }
        }
        _ => {}
    }
}

/// What an `async fn` returns that surely does not fit `completes`.
fn check_completes(completes: &TypeFnPtr, output: &ReturnType, op: &Operation, cx: &mut Errors) {
    if let ReturnType::Type(..) = completes.output {
        return;
    }
    let help = format!("`-> {}`", output_of(completes));
    let arity = completes.inputs.len();
    let (ty, fits) = match output {
        ReturnType::Default if arity == 0 => return,
        ReturnType::Default => {
            let completes = display(completes);
            return cx.error(
                &op.sig.ident,
                format_args!("missing return type for `{completes}`"),
                help,
            );
        }
        ReturnType::Type(_, ty) => match ungroup(ty) {
            Type::Tuple(tuple) => (ty, tuple.elems.len() == arity || arity == 1),
            Type::Path(path) => (ty, arity == 1 || !types::is_plain_value(path)),
            _ => (ty, true),
        },
    };
    if !fits {
        let completes = display(completes);
        cx.error(
            ty,
            format_args!("this is not what `{completes}` takes"),
            help,
        );
    }
}

/// What an `async fn` returns to complete with `signature`.
fn output_of(signature: &TypeFnPtr) -> String {
    let types: Vec<_> = signature
        .inputs
        .iter()
        .map(|input| display(&input.ty))
        .collect();
    match &types[..] {
        [only] => only.clone(),
        several => format!("({})", several.join(", ")),
    }
}

fn check_params(op: &Operation, cx: &mut Errors) {
    let completion = op
        .sig
        .inputs
        .iter()
        .position(|param| form::completion(param).is_some());
    for (index, param) in op.sig.inputs.iter().enumerate() {
        match param {
            FnArg::Receiver(receiver) => check_param_attrs(&receiver.attrs, cx),
            FnArg::Typed(param) => {
                check_param_attrs(&param.attrs, cx);
                match completion == Some(index) {
                    true => check_completion_param(param, cx),
                    false => check_pattern(&param.pat, &param.ty, cx),
                }
            }
        }
        if completion.is_some_and(|completion| completion < index) {
            cx.error(
                param,
                "the completion is the last parameter",
                "move this one before it",
            );
        }
    }
    let is_argument = |param: &&FnArg| form::completion(param).is_none();
    let arguments = op.sig.inputs.iter().filter(is_argument);
    for (input, param) in op.inputs.iter().zip(arguments) {
        check_stored(input, param, op, cx);
    }
    // Those of a method may be the `impl`'s.
    if !op.associated {
        for lifetime in signature::undeclared(&op.sig) {
            cx.error(
                &lifetime,
                format_args!("the lifetime `{lifetime}` is not declared"),
                format_args!("`fn {}<{lifetime}>(..)`", op.sig.ident),
            );
        }
    }
}

/// Whether an attribute of a parameter stays on that of the body.
pub(crate) fn is_param_attr(attr: &Attribute) -> bool {
    const LINTS: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "doc"];
    LINTS.iter().any(|lint| attr.path().is_ident(lint))
}

fn check_param_attrs(attrs: &[Attribute], cx: &mut Errors) {
    for attr in attrs {
        if !is_param_attr(attr) {
            cx.error(
                attr,
                "attributes on the parameters of an operation are not supported",
                "remove it; those that are supported are `#[cfg]` and the levels of lints",
            );
        }
    }
}

fn check_completion_param(param: &PatType, cx: &mut Errors) {
    if !matches!(&*param.pat, Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none()) {
        cx.error(
            &param.pat,
            "the completion parameter needs a name",
            "`op`, or `_op` if the operation never completes",
        );
    }
}

fn check_pattern(pat: &Pat, ty: &Type, cx: &mut Errors) {
    let is_name = match pat {
        Pat::Ident(pat) => pat.by_ref.is_none() && pat.subpat.is_none(),
        Pat::Wild(_) => true,
        _ => false,
    };
    if !is_name {
        let (pattern, ty) = (display(pat), display(ty));
        cx.error(
            pat,
            "patterns are not supported in the parameters of an operation",
            format_args!("write `value: {ty}`, and `let {pattern} = value;` in the body"),
        );
    }
}

/// The name of an attribute that wants a function that is called by itself.
pub(crate) fn calls_by_itself(path: &syn::Path) -> Option<&'static str> {
    let last = &path.segments.last()?.ident;
    ["test", "bench", "main"]
        .into_iter()
        .find(|name| last == name)
}

/// Whether the attribute wants that.
pub(crate) fn is_called_by_itself(attr: &Attribute) -> bool {
    calls_by_itself(attr.path()).is_some()
}

/// The exceptions to the capture rule.
fn check_stored(input: &Input, param: &FnArg, op: &Operation, cx: &mut Errors) {
    let Some(reference) = reference(param) else {
        return check_moved(param, op, cx);
    };
    match (op.form, input.stored) {
        (Form::Deferred, _) => {}
        (Form::Handler, Stored::Borrowed) => cx.error(
            reference,
            "the operation outlives this borrow",
            "take the value and give it back on completion, or write an `async fn`",
        ),
        (_, Stored::Copied) => {
            if let FnArg::Typed(param) = param {
                check_copied(&param.ty, op, cx);
            }
        }
        _ => {}
    }
}

/// A borrow within what is moved, `Pin<&mut Self>` say.
fn check_moved(param: &FnArg, op: &Operation, cx: &mut Errors) {
    let ty = match param {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Typed(_, ty) => ty,
            _ => return,
        },
        FnArg::Typed(param) => &param.ty,
    };
    if let (Form::Handler, Some(borrow)) = (op.form, lifetimes::first_elided(ty)) {
        cx.error(
            borrow,
            "the operation outlives what is borrowed here",
            "take the value and give it back on completion, or write an `async fn`",
        );
    }
}

/// `&dyn Trait` cannot be copied, nor what has no size and no `ToOwned`.
fn check_copied(ty: &Type, op: &Operation, cx: &mut Errors) {
    let Type::Reference(reference) = ungroup(ty) else {
        return;
    };
    if is_dyn_executor(&reference.elem) {
        return cx.error(
            ty,
            "executors of different types have no trait object",
            "take `&AnyExecutor`, which is made of any of them, or `&impl Executor`",
        );
    }
    if let Type::TraitObject(object) = ungroup(&reference.elem) {
        let (bounds, elem) = (display(&object.bounds), display(&reference.elem));
        cx.error(
            ty,
            "a trait object behind a reference cannot be copied",
            format_args!("take `Arc<dyn {bounds}>`, or name the lifetime: `&'a {elem}`"),
        );
    }
    let bounds = types::bounds_of(&reference.elem, &op.sig);
    let is_maybe = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => bound.maybe.is_some(),
        _ => false,
    };
    let is_to_owned = |bound| types::last_segment(bound, "ToOwned").is_some();
    if bounds.iter().any(|bound| is_maybe(bound)) && !bounds.iter().any(|bound| is_to_owned(bound))
    {
        let elem = display(&reference.elem);
        cx.error(
            ty,
            format_args!("`{elem}` may have no size, so it cannot be copied"),
            format_args!("name the lifetime to borrow it: `&'a {elem}`"),
        );
    }
}

/// `dyn Executor`, which cannot be.
pub(crate) fn is_dyn_executor(ty: &Type) -> bool {
    let Type::TraitObject(object) = ungroup(ty) else {
        return false;
    };
    let is_executor = |bound| types::last_segment(bound, "Executor").is_some();
    object.bounds.iter().any(is_executor)
}

/// The type of a parameter, if it is a reference.
fn reference(param: &FnArg) -> Option<TokenStream> {
    match param {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(..) => Some(receiver.to_token_stream()),
            ReceiverKind::Typed(_, ty) => is_reference(ty).then(|| ty.to_token_stream()),
            _ => None,
        },
        FnArg::Typed(param) => is_reference(&param.ty).then(|| param.ty.to_token_stream()),
    }
}

fn is_reference(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::Reference(_))
}

/// Whether the completion signature of `op` is one.
pub(crate) fn signature(op: &Operation, cx: &mut Errors) -> bool {
    let before = cx.len();
    completion::check_signature(&op.signature, op.form, cx);
    completion::check_parameter(&op.signature, &op.sig, cx);
    cx.len() == before
}
