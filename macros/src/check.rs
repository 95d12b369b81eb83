//! The mistakes that rustc would not explain well.
//!
//! Left to rustc, because it says it better: types that do not exist, a first
//! parameter that is no I/O object, names that clash, a body that does not fit.

use crate::args::Args;
use crate::docs;
use crate::errors::Errors;
use crate::inputs::{Input, Stored};
use crate::lifetimes;
use crate::model::{ungroup, Form, Operation};
use crate::parse::{Body, Function};
use crate::signature;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::Visit;
use syn::{
    Attribute, FnArg, Lifetime, Pat, PatType, ReceiverKind, ReturnType, Safety, Signature, Type,
    TypeFnPtr, TypeImplTrait, TypePath,
};

/// The arities that the runtime implements `Signature` for.
const MAX_ARITY: usize = 8;

/// Whether the completion signature is one.
pub(crate) fn signature(op: &Operation, cx: &mut Errors) -> bool {
    let before = cx.len();
    completion_signature(&op.signature, op.form, cx);
    cx.len() == before
}

/// Everything else.
pub(crate) fn operation(args: &Args, function: &Function, op: &Operation, cx: &mut Errors) {
    if let Some(default) = &function.defaultness {
        cx.error(
            default,
            "specialised methods are not supported",
            "remove `default`",
        );
    }
    check_qualifiers(&function.sig, cx);
    check_role(args, function, cx);
    check_arguments(args, op, cx);
    check_attributes(&function.attrs, cx);
    check_output(args, op, cx);
    check_params(op, cx);
}

/// Arguments of the attribute that the form has no use for.
fn check_arguments(args: &Args, op: &Operation, cx: &mut Errors) {
    let is_deferred = matches!(op.form, Form::Deferred);
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
            Some("async_op") => {
                cx.error(
                    attr.path(),
                    "`#[async_op]` is given twice",
                    "remove one of them",
                );
            }
            Some("target_feature") => cx.error(
                attr.path(),
                "`#[target_feature]` is not supported on operations",
                "call such a function from the body",
            ),
            _ => {}
        }
    }
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

/// The `fn(..)` that names the completion arguments, or a tuple of them.
pub(crate) fn completion_signature(signature: &Type, form: Form, cx: &mut Errors) {
    match ungroup(signature) {
        Type::FnPtr(signature) => check_fn(signature, form, cx),
        Type::Tuple(tuple) if tuple.elems.iter().any(is_fn) => {
            for signature in &tuple.elems {
                completion_signature(signature, form, cx);
            }
        }
        Type::Tuple(tuple) => {
            let arguments: Vec<_> = tuple.elems.iter().map(docs::display).collect();
            not_a_signature(signature, &arguments.join(", "), cx);
        }
        Type::Path(path) if !is_plain_value(path) => {}
        _ => not_a_signature(signature, &docs::display(signature), cx),
    }
}

fn is_fn(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::FnPtr(_))
}

/// Types that are surely no alias of a signature.
fn is_plain_value(ty: &TypePath) -> bool {
    const VALUES: [&str; 20] = [
        "Result", "Option", "Vec", "String", "Box", "Arc", "bool", "char", "u8", "u16", "u32",
        "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64",
    ];
    let last = ty.path.segments.last();
    last.is_some_and(|last| VALUES.iter().any(|value| last.ident == value))
}

fn not_a_signature(ty: &Type, arguments: &str, cx: &mut Errors) {
    cx.error(
        ty,
        "a completion signature is written as a function type",
        format_args!("`fn({arguments})`"),
    );
}

fn check_fn(signature: &TypeFnPtr, form: Form, cx: &mut Errors) {
    if let ReturnType::Type(_, output) = &signature.output {
        cx.error(
            &signature.output,
            "a completion signature returns nothing",
            format_args!(
                "remove `-> {}`; results are arguments",
                docs::display(output)
            ),
        );
    }
    let qualifier = (signature.unsafety.map(ToTokens::into_token_stream))
        .or_else(|| signature.abi.as_ref().map(ToTokens::to_token_stream))
        .or_else(|| signature.variadic.as_ref().map(ToTokens::to_token_stream));
    if let Some(qualifier) = qualifier {
        cx.error(
            qualifier,
            "a completion signature is a plain `fn(..)`",
            "remove this",
        );
    }
    if let Some(surplus) = signature.inputs.iter().nth(MAX_ARITY) {
        cx.error(
            surplus,
            format_args!("an operation completes with at most {MAX_ARITY} arguments"),
            "put some of them into a struct or a tuple",
        );
    }
    if let Some(lifetimes) = &signature.lifetimes {
        return not_owned(lifetimes, form, cx);
    }
    for argument in &signature.inputs {
        check_completion_argument(&argument.ty, form, cx);
    }
}

fn check_completion_argument(ty: &Type, form: Form, cx: &mut Errors) {
    if let Some(impl_trait) = first_impl_trait(ty) {
        cx.error(
            impl_trait,
            "a completion argument cannot be an `impl Trait`",
            "name the type, or box it: `Box<dyn Trait + Send>`",
        );
    }
    if let Some(elided) = lifetimes::first_elided(ty) {
        return not_owned(elided, form, cx);
    }
    let is_borrowed = |lifetime: &Lifetime| lifetime.ident != "static";
    let lifetime = lifetimes::named(ty).into_iter().find(is_borrowed);
    if let (Form::Handler, Some(lifetime)) = (form, lifetime) {
        not_owned(lifetime, form, cx);
    }
}

/// Such a signature is higher-ranked, or outlived by its operation.
fn not_owned(borrow: impl ToTokens, form: Form, cx: &mut Errors) {
    let help = match form {
        Form::Handler => {
            "complete with an owned value, `Vec<u8>` or `String`, or write an `async fn`"
        }
        _ => "complete with an owned value, `Vec<u8>` or `String`, or name the lifetime",
    };
    cx.error(borrow, "a completion argument cannot borrow", help);
}

fn first_impl_trait(ty: &Type) -> Option<TypeImplTrait> {
    #[derive(Default)]
    struct First(Option<TypeImplTrait>);

    impl Visit<'_> for First {
        fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
            self.0.get_or_insert_with(|| ty.clone());
        }
    }

    let mut first = First::default();
    first.visit_type(ty);
    first.0
}

fn check_output(args: &Args, op: &Operation, cx: &mut Errors) {
    match (&op.form, &op.sig.output) {
        (Form::Handler, ReturnType::Type(_, output)) if !signature::is_unit(output) => cx.error(
            output,
            "a function that is given a completion returns nothing",
            "remove the return type and call `op.complete(..)`, or remove the completion parameter",
        ),
        (Form::Async, ReturnType::Default) => {
            let completes = args
                .completes
                .as_ref()
                .map(|completes| ungroup(&completes.value));
            match completes {
                Some(Type::FnPtr(completes)) if !completes.inputs.is_empty() => {
                    let output = output_of(completes);
                    cx.error(
                        &op.sig.ident,
                        format_args!("missing return type for `{}`", docs::display(completes)),
                        format_args!("`-> {output}`"),
                    );
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// What an `async fn` returns to complete with `signature`.
fn output_of(signature: &TypeFnPtr) -> String {
    let types: Vec<_> = signature
        .inputs
        .iter()
        .map(|input| docs::display(&input.ty))
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
        .position(|param| signature::completion(param).is_some());
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
    let is_argument = |param: &&FnArg| signature::completion(param).is_none();
    let arguments = op.sig.inputs.iter().filter(is_argument);
    for (input, param) in op.inputs.iter().zip(arguments) {
        check_stored(input, param, op.form, cx);
    }
}

fn check_param_attrs(attrs: &[Attribute], cx: &mut Errors) {
    const LINTS: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "doc"];
    for attr in attrs {
        if !LINTS.iter().any(|lint| attr.path().is_ident(lint)) {
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
        let (pattern, ty) = (docs::display(pat), docs::display(ty));
        cx.error(
            pat,
            "patterns are not supported in the parameters of an operation",
            format_args!("write `value: {ty}`, and `let {pattern} = value;` in the body"),
        );
    }
}

/// The exceptions to the capture rule.
fn check_stored(input: &Input, param: &FnArg, form: Form, cx: &mut Errors) {
    let Some(reference) = reference(param) else {
        return;
    };
    match (form, input.stored) {
        (Form::Deferred, _) => {}
        (Form::Handler, Stored::Borrowed) => cx.error(
            reference,
            "the operation outlives this borrow",
            "take the value and give it back on completion, or write an `async fn`",
        ),
        (_, Stored::Copied) => {
            if let FnArg::Typed(param) = param {
                check_copied(&param.ty, cx);
            }
        }
        _ => {}
    }
}

/// `&dyn Trait` cannot be copied.
fn check_copied(ty: &Type, cx: &mut Errors) {
    let Type::Reference(reference) = ungroup(ty) else {
        return;
    };
    if let Type::TraitObject(object) = ungroup(&reference.elem) {
        let (bounds, elem) = (
            docs::display(&object.bounds),
            docs::display(&reference.elem),
        );
        cx.error(
            ty,
            "a trait object behind a reference cannot be copied",
            format_args!("take `Arc<dyn {bounds}>`, or name the lifetime: `&'a {elem}`"),
        );
    }
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
