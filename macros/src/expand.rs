//! The expansion. Its `impl` tokens have this crate's edition, 2021: what they
//! capture leaves out the anonymous lifetime of `&self`, so that a caller may
//! return the operation.

use crate::docs;
use crate::initiation;
use crate::inputs;
use crate::lifetimes;
use crate::model::{ungroup_mut, Form, Operation};
use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::ext::IdentExt as _;
use syn::{
    parse_quote_spanned, Attribute, FnArg, GenericParam, Generics, LifetimeParam, ReturnType,
    Signature, Type, TypeParam, TypeParamBound, WherePredicate,
};

/// The place of `span`, with the hygiene and edition of this crate. Lints for
/// the author's code leave such tokens alone.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

pub(crate) fn operation(op: &Operation) -> TokenStream {
    functions(op, &initiation::of(op))
}

/// For a function with mistakes: the author's body stands beside an operation
/// that never completes.
pub(crate) fn inert(op: &Operation) -> TokenStream {
    functions(op, &initiation::inert(op))
}

/// ```text
/// Input:  async fn async_x(&self, n: N) -> Output { .. }
/// Output: fn async_x<'op, Token: CompletionToken<'op, fn(Output)>>(
///             &self, n: N, token: Token,
///         ) -> Token::Return<impl Initiation<fn(Output)> + 'op> {
///             #initiation
///             async_initiate(operation, token)
///         }
///         fn x<'op>(&self, n: N) -> Operation<fn(Output), impl Initiation<fn(Output)> + 'op> {
///             Self::async_x(self, n, Deferred)
///         }
///         async fn async_x_body(&self, n: N) -> Output { .. }
/// ```
fn functions(op: &Operation, initiation: &TokenStream) -> TokenStream {
    let body = body(op);
    let (nested, sibling) = match op.associated {
        true => (None, Some(body)),
        false => (Some(body), None),
    };
    let initiating = initiating(op, nested, initiation);
    let twin = twin(op);
    quote!(#initiating #twin #sibling)
}

fn initiating(op: &Operation, body: Option<TokenStream>, initiation: &TokenStream) -> TokenStream {
    let Operation {
        private,
        vis,
        signature,
        lifetime,
        token_type,
        token,
        ..
    } = op;
    let attrs = attrs(&op.attrs.docs, docs::sections(op), &op.attrs.outer);
    let fn_token = &op.sig.fn_token;
    let name = &op.sig.ident;
    let inputs = declared(op);
    let returned = returned(op);
    let mut generics = generics(op);
    let span = at(name.span());
    generics
        .params
        .push(parse_quote_spanned!(span=> #token_type));
    generics
        .make_where_clause()
        .predicates
        .push(parse_quote_spanned! {span=>
            #token_type: #private::CompletionToken<#lifetime, #signature>
        });
    let (params, _, where_clause) = generics.split_for_impl();
    quote_spanned! {span=>
        #attrs
        #vis #fn_token #name #params(#inputs #token: #token_type)
            -> <#token_type as #private::CompletionToken<#lifetime, #signature>>::Return<#returned>
        #where_clause
        {
            #body
            #initiation
            #private::async_initiate(operation, #token)
        }
    }
}

fn twin(op: &Operation) -> Option<TokenStream> {
    let Operation {
        private,
        vis,
        signature,
        ..
    } = op;
    let twin = op.twin.as_ref()?;
    let attrs = attrs(&[], docs::twin_section(op), &op.attrs.twin);
    let fn_token = &op.sig.fn_token;
    let inputs = declared(op);
    let returned = returned(op);
    let generics = generics(op);
    let (params, _, where_clause) = generics.split_for_impl();
    let names = op.inputs.iter().map(|input| &input.name);
    let function = path(op, op.sig.ident.clone(), true);
    Some(quote_spanned! {at(op.sig.ident.span())=>
        #attrs
        #vis #fn_token #twin #params(#inputs) -> #private::Operation<#signature, #returned>
        #where_clause
        {
            #function(#(#names,)* #private::Deferred)
        }
    })
}

/// The author's function under another name.
fn body(op: &Operation) -> TokenStream {
    let mut sig = op.sig.clone();
    if op.form == Form::Deferred {
        release_self(&mut sig, op);
    }
    hidden(sig, &op.attrs.body, &op.body)
}

pub(crate) fn hidden(mut sig: Signature, attrs: &[Attribute], body: &Group) -> TokenStream {
    sig.ident = body_name(&sig.ident);
    quote!(#(#attrs)* #[doc(hidden)] #sig #body)
}

pub(crate) fn body_name(name: &Ident) -> Ident {
    format_ident!("{}_body", name.unraw(), span = at(name.span()))
}

/// ```text
/// Input:  fn async_x<T>(&self, n: T) -> impl Initiation<S>
/// Output: fn async_x_body<'op, T>(&self, n: T) -> impl Initiation<S> + 'op where T: 'op
/// ```
///
/// where the `impl` has the edition of this crate, and `'op` stands for the
/// lifetime of `&self` if the author's type mentions that.
fn release_self(sig: &mut Signature, op: &Operation) {
    sig.generics = generics(op);
    inputs::name_borrowed(&op.sig, sig.inputs.iter_mut(), &op.lifetime);
    for input in &mut sig.inputs {
        if let FnArg::Typed(input) = input {
            lifetimes::bound_impl_traits(&mut input.ty, &op.lifetime);
        }
    }
    let ReturnType::Type(_, ty) = &mut sig.output else {
        return;
    };
    if let Type::ImplTrait(ty) = ungroup_mut(ty) {
        ty.impl_token.span = at(ty.impl_token.span);
        let is_use = |bound: &TypeParamBound| matches!(bound, TypeParamBound::PreciseCapture(_));
        let bounds = ty.bounds.iter().filter(|bound| !is_use(bound)).cloned();
        ty.bounds = bounds.collect();
        for bound in &mut ty.bounds {
            lifetimes::name_elided_in_bound(bound, &op.lifetime);
        }
        let outlives = TypeParamBound::Lifetime(op.lifetime.clone());
        ty.bounds.push(outlives);
        ty.bounds.extend(captures(op));
    }
}

/// `Self::name::<T>`, with the author's type and const parameters.
pub(crate) fn path(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let span = at(op.sig.ident.span());
    let scope = op.associated.then(|| quote_spanned!(span=> Self::));
    let mut arguments: Vec<_> = op
        .sig
        .generics
        .params
        .iter()
        .filter_map(parameter_name)
        .collect();
    if arguments.is_empty() {
        return quote!(#scope #name);
    }
    if with_token {
        arguments.push(quote_spanned!(span=> _));
    }
    quote_spanned!(span=> #scope #name::<#(#arguments),*>)
}

fn parameter_name(param: &GenericParam) -> Option<TokenStream> {
    match param {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(param) => Some(param.ident.to_token_stream()),
        GenericParam::Const(param) => Some(param.ident.to_token_stream()),
    }
}

// The signature.

fn declared(op: &Operation) -> TokenStream {
    let inputs = op.inputs.iter().map(|input| &input.declared);
    quote!(#(#inputs,)*)
}

/// `impl Initiation<S> + 'op`
fn returned(op: &Operation) -> TokenStream {
    let Operation {
        private,
        signature,
        lifetime,
        ..
    } = op;
    let captures = captures(op).into_iter();
    quote_spanned! {at(op.sig.ident.span())=>
        impl #private::Initiation<#signature> + #lifetime #(+ #captures)*
    }
}

/// What an `impl` of edition 2021 captures only when it is mentioned: the
/// lifetimes that the author names, and those in `Self`. One bound for all,
/// since rustc confuses several of one trait; `Self` last, it may be unsized.
fn captures(op: &Operation) -> Option<TypeParamBound> {
    let Operation { private, .. } = op;
    let span = at(op.sig.ident.span());
    let lifetimes = op.sig.generics.lifetimes().map(|param| {
        let lifetime = &param.lifetime;
        quote_spanned!(span=> &#lifetime ())
    });
    let of_self = op.associated.then(|| quote_spanned!(span=> Self));
    let captured: Vec<_> = lifetimes.chain(of_self).collect();
    match &captured[..] {
        [] => None,
        [only] => Some(parse_quote_spanned!(span=> #private::Captures<#only>)),
        several => Some(parse_quote_spanned!(span=> #private::Captures<(#(#several),*)>)),
    }
}

/// The author's generics and `'op`, which they all outlive.
fn generics(op: &Operation) -> Generics {
    let lifetime = &op.lifetime;
    let span = at(op.sig.ident.span());
    let mut generics = op.sig.generics.clone();
    let mut predicates: Vec<WherePredicate> = Vec::new();
    for param in &mut generics.params {
        match param {
            // In one place with the author's bounds, or Clippy objects.
            GenericParam::Type(param) if !param.bounds.is_empty() => {
                param
                    .bounds
                    .push(TypeParamBound::Lifetime(lifetime.clone()));
            }
            GenericParam::Type(TypeParam { ident, .. }) => {
                predicates.push(parse_quote_spanned!(span=> #ident: #lifetime));
            }
            GenericParam::Lifetime(LifetimeParam {
                lifetime: named, ..
            }) => {
                predicates.push(parse_quote_spanned!(span=> #named: #lifetime));
            }
            GenericParam::Const(_) => {}
        }
    }
    if op.associated {
        predicates.push(parse_quote_spanned!(span=> Self: #lifetime));
    }
    let lifetimes = generics.lifetimes().count();
    let op_param = GenericParam::Lifetime(LifetimeParam::new(lifetime.clone()));
    generics.params.insert(lifetimes, op_param);
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn attrs(docs: &[Attribute], section: Vec<String>, attrs: &[Attribute]) -> TokenStream {
    quote! {
        #(#docs)*
        #(#[doc = #section])*
        #(#attrs)*
        #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    }
}
