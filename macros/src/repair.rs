//! What the author seems to have meant: what can be told of a function with
//! mistakes is what its callers see, so that they do not fail with it.

use crate::args::Args;
use crate::check;
use crate::form::{self, Form};
use crate::parse::{Body, Function};
use crate::plain;
use crate::question;
use crate::signature;
use crate::types::{self, parameters, ungroup, ungroup_mut};
use proc_macro2::{Delimiter, Group};
use quote::{quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{
    parse_quote, Expr, FnArg, GenericArgument, GenericParam, Ident, NamedArg, PathArguments,
    PathSegment, ReturnType, Signature, Type, TypeFnPtr,
};

pub(crate) fn args(args: &mut Args) {
    if let Some(completes) = &mut args.completes {
        completion_signature(&mut completes.value);
    }
    if let Some(executor) = &mut args.executor {
        if let Expr::Reference(reference) = &executor.value {
            executor.value = (*reference.expr).clone();
        }
    }
}

pub(crate) fn function(function: &mut Function) {
    let Function {
        sig, body, attrs, ..
    } = function;
    attrs.retain(|attr| !check::is_called_by_itself(attr));
    take_by_value(sig);
    for param in &mut sig.inputs {
        match param {
            FnArg::Receiver(receiver) => receiver.attrs.retain(check::is_param_attr),
            FnArg::Typed(typed) => {
                typed.attrs.retain(check::is_param_attr);
                if let Type::Reference(reference) = ungroup_mut(&mut typed.ty) {
                    if check::is_dyn_executor(&reference.elem) {
                        *reference.elem = parse_quote!(impl ::core::marker::Sized);
                    }
                }
            }
        }
    }
    Completions.visit_signature_mut(sig);
    let undeclared = signature::undeclared(sig);
    sig.generics.params.extend(
        undeclared
            .into_iter()
            .map(|lifetime| -> GenericParam { parse_quote!(#lifetime) }),
    );
    if let ReturnType::Type(_, ty) = &sig.output {
        if plain::boxed_initiation(ty).is_some() && !matches!(ungroup(ty), Type::ImplTrait(_)) {
            // Neither that type nor a body that returns it compiles.
            sig.output = ReturnType::Default;
            attrs.push(parse_quote!(#[allow(unused_variables)]));
            *body = Body::Block(endless(&sig.ident));
        }
    }
    if let (true, Body::Block(block)) = (is_handler(sig), &*body) {
        if question::first(block.stream()).is_some() {
            attrs.push(parse_quote!(#[allow(unused_variables)]));
            *body = Body::Block(endless(&sig.ident));
        }
    }
    let has_completion = sig
        .inputs
        .iter()
        .any(|param| form::completion(param).is_some());
    if let (Body::Block(_), false, ReturnType::Type(_, ty)) = (&body, has_completion, &sig.output) {
        if !matches!(ungroup(ty), Type::ImplTrait(_) | Type::Never(_))
            && plain::future(ty).is_none()
        {
            sig.asyncness.get_or_insert_default();
        }
    }
}

fn is_handler(sig: &Signature) -> bool {
    form::of(sig) == Form::Handler
}

/// A body that returns whatever is asked for.
pub(crate) fn endless(name: &Ident) -> Group {
    Group::new(Delimiter::Brace, quote_spanned!(name.span()=> loop {}))
}

/// `Completion<..>` for `&mut Completion<..>`.
fn take_by_value(sig: &mut Signature) {
    let Some(FnArg::Typed(last)) = sig.inputs.last_mut() else {
        return;
    };
    if let Type::Reference(reference) = ungroup(&last.ty) {
        let owned = FnArg::Typed(syn::PatType {
            ty: reference.elem.clone(),
            ..last.clone()
        });
        if form::completion(&owned).is_some() {
            sig.inputs.pop();
            sig.inputs.push(owned);
        }
    }
}

/// The signatures in `Completion<..>` and `Initiation<..>`.
struct Completions;

impl VisitMut for Completions {
    fn visit_path_segment_mut(&mut self, segment: &mut PathSegment) {
        visit_mut::visit_path_segment_mut(self, segment);
        if segment.ident != "Completion" && segment.ident != "Initiation" {
            return;
        }
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            if let Some(GenericArgument::Type(ty)) = arguments.args.first_mut() {
                completion_signature(ty);
            }
        }
    }
}

/// `fn(A, B)` for `(A, B)`, `dyn Fn(A, B)` and `unsafe fn(A, B) -> C`.
fn completion_signature(ty: &mut Type) {
    let meant = match ungroup_mut(ty) {
        Type::FnPtr(signature) => return simplify(signature),
        Type::Tuple(tuple) if tuple.elems.iter().any(types::is_fn) => {
            return tuple.elems.iter_mut().for_each(completion_signature);
        }
        Type::Tuple(tuple) => {
            let elems = &tuple.elems;
            syn::parse2(quote!(fn(#elems)))
        }
        Type::TraitObject(object) => match object.bounds.iter().find_map(parameters) {
            Some(inputs) => syn::parse2(quote!(fn(#inputs))),
            None => return,
        },
        Type::Path(path) if !types::is_plain_value(path) => return,
        value => syn::parse2(quote!(fn(#value))),
    };
    if let Ok(meant) = meant {
        *ty = meant;
    }
}

fn simplify(signature: &mut TypeFnPtr) {
    let output = std::mem::replace(&mut signature.output, ReturnType::Default);
    if let (ReturnType::Type(_, output), true) = (output, signature.inputs.is_empty()) {
        signature
            .inputs
            .extend(syn::parse2::<NamedArg>(quote!(#output)));
    }
    signature.unsafety = None;
    signature.abi = None;
    signature.variadic = None;
}
