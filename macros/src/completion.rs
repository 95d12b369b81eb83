//! The mistakes in a completion signature.

use crate::display::display;
use crate::errors::Errors;
use crate::form::Form;
use crate::lifetimes;
use crate::plain;
use crate::types::{self, first_impl_trait, is_fn, is_plain_value, ungroup};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{
    GenericParam, Lifetime, ReturnType, Signature, Type, TypeFnPtr, TypeImplTrait, TypeTraitObject,
};

/// The arities that the runtime implements `Signature` for.
const MAX_ARITY: usize = 8;

/// The `fn(..)` that names the completion arguments, or a tuple of them.
pub(crate) fn check_signature(signature: &Type, form: Form, cx: &mut Errors) {
    match ungroup(signature) {
        Type::FnPtr(signature) => check_fn(signature, form, cx),
        Type::Tuple(tuple) if tuple.elems.iter().any(is_fn) => {
            for signature in &tuple.elems {
                check_signature(signature, form, cx);
            }
        }
        Type::Tuple(tuple) => not_a_signature(signature, &display(&tuple.elems), cx),
        Type::Path(path) if !is_plain_value(path) => {}
        Type::TraitObject(object) => match object.bounds.iter().find_map(types::parameters) {
            Some(inputs) => not_a_signature(signature, &display(inputs), cx),
            None => not_a_signature(signature, &display(signature), cx),
        },
        _ => not_a_signature(signature, &display(signature), cx),
    }
}

fn not_a_signature(ty: &Type, arguments: &str, cx: &mut Errors) {
    cx.error(
        ty,
        "a completion signature is written as a function type",
        format_args!("`fn({arguments})`"),
    );
}

/// A type parameter that is not said to be a signature, which rustc would say
/// wherever the expansion mentions it.
pub(crate) fn check_parameter(signature: &Type, sig: &Signature, cx: &mut Errors) {
    let Type::Path(path) = ungroup(signature) else {
        return;
    };
    let is_it = |param: &GenericParam| match param {
        GenericParam::Type(param) => path.path.is_ident(&param.ident),
        _ => false,
    };
    let bounds = types::bounds_of(signature, sig);
    if sig.generics.params.iter().any(is_it)
        && !bounds
            .iter()
            .any(|bound| types::last_segment(bound, "Signature").is_some())
    {
        let name = display(signature);
        cx.error(
            signature,
            format_args!("`{name}` is not known to be a completion signature"),
            format_args!("`{name}: Signature<Args: Send, Output: Send> + 'static`"),
        );
    }
}

fn check_fn(signature: &TypeFnPtr, form: Form, cx: &mut Errors) {
    if let ReturnType::Type(_, output) = &signature.output {
        let output = display(output);
        let help = match signature.inputs.is_empty() {
            true => format!("results are arguments: `fn({output})`"),
            false => format!("remove `-> {output}`; results are arguments"),
        };
        cx.error(
            &signature.output,
            "a completion signature returns nothing",
            help,
        );
    }
    let qualifier = (signature.unsafety.map(ToTokens::into_token_stream))
        .or_else(|| signature.abi.as_ref().map(ToTokens::to_token_stream))
        .or_else(|| signature.variadic.as_ref().map(ToTokens::to_token_stream));
    if let Some(qualifier) = qualifier {
        cx.error(
            &qualifier,
            "a completion signature is a plain `fn(..)`",
            format_args!("remove `{}`", display(&qualifier)),
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
        check_argument(&argument.ty, form, cx);
    }
}

fn check_argument(ty: &Type, form: Form, cx: &mut Errors) {
    if let Some(owned) = owned(ty) {
        let text = display(ty);
        return cx.error(
            ty,
            format_args!("`{text}` has no size, so an operation cannot complete with it"),
            format_args!("`{owned}`"),
        );
    }
    if let Some(object) = first_error_not_send(ty) {
        let bounds = display(&object.bounds);
        return cx.error(
            &object,
            format_args!("`dyn {bounds}` stays in its thread, so no operation completes with it"),
            format_args!("`Box<dyn {bounds} + Send + Sync>`"),
        );
    }
    if let Some(impl_trait) = first_impl_trait(ty) {
        return check_impl_trait(&impl_trait, form, cx);
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

/// What to write for a type that surely has no size.
fn owned(ty: &Type) -> Option<String> {
    match ungroup(ty) {
        Type::Path(path) if path.path.is_ident("str") => Some("String".to_owned()),
        Type::Slice(slice) => Some(format!("Vec<{}>", display(&slice.elem))),
        Type::TraitObject(object) => Some(format!("Box<{}>", display(object))),
        _ => None,
    }
}

fn check_impl_trait(ty: &TypeImplTrait, form: Form, cx: &mut Errors) {
    let ty = Type::ImplTrait(ty.clone());
    let is_operation =
        types::bounds_of_impl(&ty).any(|bound| types::last_segment(bound, "Initiation").is_some());
    match (form, plain::future(&ty)) {
        (Form::Async, _) if is_operation => cx.error(
            ty,
            "an `async fn` completes with a result, not with another operation",
            "remove `async`, or return the result of the operation: `.await` it",
        ),
        (Form::Async, Some(output)) => cx.error(
            ty,
            "an `async fn` completes with a result, not with another future",
            format_args!("return `{output}`: `.await` the future in the body"),
        ),
        _ => {
            let bounds = types::bounds_of_impl(&ty).map(display);
            let bounds = bounds.collect::<Vec<_>>().join(" + ");
            cx.error(
                ty,
                "a completion argument cannot be an `impl Trait`",
                format_args!("name the type, or box it: `Box<dyn {bounds} + Send>`"),
            );
        }
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

/// A `dyn Error` without `Send`: what every other function may return.
fn first_error_not_send(ty: &Type) -> Option<TypeTraitObject> {
    #[derive(Default)]
    struct First(Option<TypeTraitObject>);

    impl Visit<'_> for First {
        fn visit_type_trait_object(&mut self, object: &TypeTraitObject) {
            let has = |name: &str| {
                let mut bounds = object.bounds.iter();
                bounds.any(|bound| types::last_segment(bound, name).is_some())
            };
            if has("Error") && !has("Send") {
                self.0.get_or_insert_with(|| object.clone());
            }
        }
    }

    let mut first = First::default();
    first.visit_type(ty);
    first.0
}
