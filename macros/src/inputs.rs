//! The parameters of an operation, and how it stores the arguments.

use crate::form::{self, Form};
use crate::lifetimes;
use crate::names::Names;
use crate::spans::at;
use crate::types::{ungroup, ungroup_mut};
use syn::spanned::Spanned as _;
use syn::{
    FnArg, Ident, Lifetime, Pat, PatIdent, PatType, Receiver, ReceiverKind, Signature, Type,
};

/// A parameter of the initiating function.
pub(crate) struct Input {
    /// As the initiating function declares it.
    pub(crate) declared: FnArg,
    /// The name, or `self`.
    pub(crate) name: Ident,
    pub(crate) stored: Stored,
}

/// How an operation stores an argument.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Stored {
    /// A reference whose lifetime has no name.
    Copied,
    /// `&mut T`, and a reference whose lifetime has a name.
    Borrowed,
    Moved,
}

/// All parameters but the completion.
pub(crate) fn of(form: Form, sig: &Signature, names: &Names, lifetime: &Lifetime) -> Vec<Input> {
    let params = sig
        .inputs
        .iter()
        .filter(|input| form::completion(input).is_none());
    let mut inputs: Vec<_> = params
        .enumerate()
        .map(|(index, param)| match param {
            FnArg::Receiver(receiver) => receiver_input(receiver, form, lifetime),
            FnArg::Typed(typed) => typed_input(
                typed,
                public_name(&typed.pat, index, sig, names),
                form,
                lifetime,
            ),
        })
        .collect();
    if form == Form::Deferred {
        name_borrowed(
            sig,
            inputs.iter_mut().map(|input| &mut input.declared),
            lifetime,
        );
    }
    inputs
}

fn receiver_input(receiver: &Receiver, form: Form, lifetime: &Lifetime) -> Input {
    let mut declared = receiver.clone();
    declared.attrs.clear();
    declared.mutability = None;
    let stored = match &mut declared.kind {
        ReceiverKind::Reference(_, name, mutability) => {
            store_reference(name, mutability.is_some(), form, lifetime)
        }
        ReceiverKind::Typed(_, ty) => store(ty, form, lifetime),
        _ => Stored::Moved,
    };
    Input {
        name: Ident::from(receiver.self_token),
        declared: FnArg::Receiver(declared),
        stored,
    }
}

/// The name of a parameter in the initiating function. A leading underscore
/// says that the author's body does not use it, which is not true of ours.
fn public_name(pat: &Pat, index: usize, sig: &Signature, names: &Names) -> Ident {
    let Pat::Ident(PatIdent { ident, .. }) = pat else {
        // `_`, or a pattern that `check` refuses.
        return Ident::new(&names.fresh(&format!("argument{index}")), at(pat.span()));
    };
    let plain = ident.to_string();
    match plain.strip_prefix('_').map(syn::parse_str::<Ident>) {
        Some(Ok(mut plain)) if !names.in_args(ident) && !is_param(&plain, sig) => {
            plain.set_span(ident.span());
            plain
        }
        _ => ident.clone(),
    }
}

fn is_param(name: &Ident, sig: &Signature) -> bool {
    sig.inputs.iter().any(|param| match param {
        FnArg::Typed(typed) => matches!(&*typed.pat, Pat::Ident(pat) if pat.ident == *name),
        FnArg::Receiver(_) => false,
    })
}

fn typed_input(typed: &PatType, name: Ident, form: Form, lifetime: &Lifetime) -> Input {
    let mut ty = typed.ty.clone();
    let stored = store(&mut ty, form, lifetime);
    lifetimes::bound_impl_traits(&mut ty, lifetime);
    let pat = PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: name.clone(),
        subpat: None,
    };
    let declared = FnArg::Typed(PatType {
        attrs: Vec::new(),
        pat: Box::new(Pat::Ident(pat)),
        colon_token: typed.colon_token,
        ty,
    });
    Input {
        declared,
        name,
        stored,
    }
}

/// How an argument of type `ty` is stored. Names the lifetimes elided in what
/// is stored; the deferred form stores nothing, its body runs at once.
fn store(ty: &mut Type, form: Form, lifetime: &Lifetime) -> Stored {
    if form == Form::Deferred {
        return Stored::Moved;
    }
    match ungroup_mut(ty) {
        Type::Reference(reference) => {
            lifetimes::name_elided(&mut reference.elem, lifetime);
            let is_mut = reference.mutability.is_some();
            store_reference(&mut reference.lifetime, is_mut, form, lifetime)
        }
        ty => {
            lifetimes::name_elided(ty, lifetime);
            Stored::Moved
        }
    }
}

/// The capture rule, for a reference.
fn store_reference(
    name: &mut Option<Lifetime>,
    is_mut: bool,
    form: Form,
    lifetime: &Lifetime,
) -> Stored {
    let is_elided = name.as_ref().is_none_or(lifetimes::is_elided);
    match name {
        _ if form == Form::Deferred => Stored::Moved,
        Some(name) if name.ident == "static" && !is_mut => Stored::Moved,
        _ if is_elided && !is_mut => Stored::Copied,
        // The handler form refuses it.
        _ if is_elided && form == Form::Async => {
            *name = Some(lifetime.clone());
            Stored::Borrowed
        }
        _ => Stored::Borrowed,
    }
}

/// Names what the returned operation of a deferred form borrows from, if it
/// says `'_`: `&self`, or else any parameter.
pub(crate) fn name_borrowed<'a>(
    sig: &Signature,
    params: impl Iterator<Item = &'a mut FnArg>,
    lifetime: &Lifetime,
) {
    if !form::bounds(sig).any(lifetimes::elided_in_bound) {
        return;
    }
    for param in params {
        match param {
            FnArg::Receiver(receiver) => match &mut receiver.kind {
                ReceiverKind::Reference(_, name, _) => {
                    if name.as_ref().is_none_or(lifetimes::is_elided) {
                        *name = Some(lifetime.clone());
                    }
                    return;
                }
                ReceiverKind::Typed(_, ty) => lifetimes::name_elided(ty, lifetime),
                _ => {}
            },
            FnArg::Typed(typed) => lifetimes::name_elided(&mut typed.ty, lifetime),
        }
    }
}

pub(crate) fn is_reference(param: &FnArg) -> bool {
    match param {
        FnArg::Receiver(receiver) if matches!(receiver.kind, ReceiverKind::Reference(..)) => true,
        _ => matches!(ty(param), Some(Type::Reference(_))),
    }
}

/// The `T` of a `&T`.
pub(crate) fn referent(param: &FnArg) -> Option<&Type> {
    match ty(param) {
        Some(Type::Reference(reference)) => Some(ungroup(&reference.elem)),
        _ => None,
    }
}

/// The type of a parameter that has one written.
pub(crate) fn ty(param: &FnArg) -> Option<&Type> {
    match param {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Typed(_, ty) => Some(ungroup(ty)),
            _ => None,
        },
        FnArg::Typed(typed) => Some(ungroup(&typed.ty)),
    }
}
