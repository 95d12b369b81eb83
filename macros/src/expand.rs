//! The expansion. Its `impl` tokens have this crate's edition, 2021: what they
//! capture leaves out the anonymous lifetime of `&self`, so that a caller may
//! return the operation.

use crate::attrs;
use crate::docs;
use crate::initiation;
use crate::inputs;
use crate::inputs::{Input, Stored};
use crate::lifetimes;
use crate::model::{ungroup_mut, Executor, Form, Operation, Role};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens};
use syn::{
    parse_quote_spanned, Attribute, FnArg, GenericParam, Generics, LifetimeParam, Pat, Receiver,
    ReceiverKind, ReturnType, Signature, Token, Type, TypeParam, TypeParamBound, WherePredicate,
};

/// The place of `span`, with the hygiene and edition of this crate. Lints for
/// the author's code leave such tokens alone.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

pub(crate) fn operation(op: &Operation) -> TokenStream {
    match op.role {
        Role::Own | Role::Declared if op.form == Form::Deferred => functions(op, None),
        Role::Own | Role::Declared => functions(op, Some(&initiation::of(op))),
        Role::Implemented => body(op),
    }
}

/// For a function with mistakes: the author's body stands beside an operation
/// that never completes.
pub(crate) fn inert(op: &Operation) -> TokenStream {
    match op.role {
        Role::Own | Role::Declared => functions(op, Some(&initiation::inert(op))),
        Role::Implemented => body(op),
    }
}

/// ```text
/// Input:  async fn async_x(&self, n: N) -> Output { .. }
/// Output: fn async_x<'op, Token: CompletionToken<'op, fn(Output)>>(
///             &self, n: N, token: Token,
///         ) -> Token::Return<impl Initiation<fn(Output)> + 'op> {
///             async_initiate(Self::async_x_operation(self, n), token)
///         }
///         fn x<'op>(&self, n: N) -> Operation<fn(Output), impl Initiation<fn(Output)> + 'op> {
///             Self::async_x(self, n, Deferred)
///         }
///         fn async_x_operation<'op>(&self, n: N) -> impl Initiation<fn(Output)> + 'op {
///             #initiation
///             operation
///         }
///         async fn async_x_body(&self, n: N) -> Output { .. }
/// ```
///
/// What is made in `async_x_operation` has one type for all tokens, and is
/// compiled once. In the deferred form there is no `initiation`: it is the body
/// that makes the operation.
///
/// A free function's body is in its `async_x_operation`, whose name nothing else
/// has, and which `x` calls, too: so a function in an `impl` that is taken for a
/// free one finds no other's operation where it does not find its own.
fn functions(op: &Operation, initiation: Option<&TokenStream>) -> TokenStream {
    let body = body(op);
    let twin = twin(op);
    if !op.associated {
        let initiation = initiation.map_or_else(|| initiation::of_body(op), Clone::clone);
        let making = making(op, &quote!(#body #initiation));
        let initiating = initiating(op, &op.making_name);
        return quote!(#initiating #twin #making);
    }
    let making = initiation.map(|initiation| making(op, initiation));
    let maker = match &making {
        Some(_) => &op.making_name,
        None => &op.body_name,
    };
    let initiating = initiating(op, maker);
    quote!(#initiating #twin #making #body)
}

fn making(op: &Operation, statements: &TokenStream) -> TokenStream {
    let name = &op.making_name;
    let fn_token = fn_token(op);
    let inputs = declared(op);
    let returned = returned(op);
    let generics = generics(op);
    let (params, _, where_clause) = generics.split_for_impl();
    let is_for_callers =
        |attr: &&Attribute| attr.path().is_ident("doc") || attr.path().is_ident("deprecated");
    let for_code = op.attrs.twin.iter().filter(|attr| !is_for_callers(attr));
    let attrs = attrs(&[], Vec::new(), &for_code.cloned().collect::<Vec<_>>());
    quote_spanned! {at(op.sig.ident.span())=>
        #[doc(hidden)]
        #attrs
        #fn_token #name #params(#inputs) -> #returned
        #where_clause
        {
            #statements
            operation
        }
    }
}

fn initiating(op: &Operation, maker: &Ident) -> TokenStream {
    let Operation {
        runtime,
        vis,
        signature,
        lifetime,
        token_type,
        token,
        ..
    } = op;
    let attrs = attrs(&op.attrs.docs, docs::sections(op), &op.attrs.outer);
    let fn_token = fn_token(op);
    let name = &op.sig.ident;
    let inputs = declared(op);
    let mut returned = returned(op);
    let mut operation = call(op, maker.clone(), None);
    if op.role == Role::Declared {
        let span = at(name.span());
        returned = quote_spanned!(span=> #returned + #runtime::OfTrait);
        operation = quote_spanned!(span=> #runtime::Declared(#operation));
    }
    let mut generics = generics(op);
    let span = at(name.span());
    generics
        .params
        .push(parse_quote_spanned!(span=> #token_type));
    generics
        .make_where_clause()
        .predicates
        .push(parse_quote_spanned! {span=>
            #token_type: #runtime::CompletionToken<#lifetime, #signature>
        });
    let (params, _, where_clause) = generics.split_for_impl();
    quote_spanned! {span=>
        #attrs
        #vis #fn_token #name #params(#inputs #token: #token_type)
            -> <#token_type as #runtime::CompletionToken<#lifetime, #signature>>::Return<#returned>
        #where_clause
        {
            #runtime::async_initiate(#operation, #token)
        }
    }
}

/// Ours: what is never used in a function that a `macro_rules!` writes would be
/// warned of, with names that are not the author's.
fn fn_token(op: &Operation) -> Token![fn] {
    Token![fn](at(op.sig.ident.span()))
}

/// A call of another function of the operation: `Self::name(self, n, #last)`.
fn call(op: &Operation, name: Ident, last: Option<TokenStream>) -> TokenStream {
    let by_dot = is_called_by_dot(op);
    let function = match by_dot {
        true => method(op, name, last.is_some()),
        false => path(op, name, last.is_some()),
    };
    let names = op.inputs.iter().map(|input| &input.name);
    let names = names.skip(usize::from(by_dot));
    quote_spanned!(at(op.sig.ident.span())=> #function(#(#names,)* #last))
}

fn twin(op: &Operation) -> Option<TokenStream> {
    let Operation {
        runtime,
        vis,
        signature,
        lifetime,
        ..
    } = op;
    let twin = op.twin.as_ref()?;
    let attrs = attrs(&[], docs::twin_section(op), &op.attrs.twin);
    let fn_token = fn_token(op);
    let inputs = declared(op);
    let returned = returned(op);
    let mut generics = generics(op);
    let span = at(op.sig.ident.span());
    let (token, returned) = match &op.default_token {
        None => (
            quote_spanned!(span=> #runtime::Deferred),
            quote_spanned!(span=> #runtime::Operation<#signature, #returned>),
        ),
        Some(token) => {
            let is_token = quote_spanned!(span=> #runtime::CompletionToken<#lifetime, #signature>);
            let default = quote_spanned!(span=> #runtime::core::default::Default);
            generics
                .make_where_clause()
                .predicates
                .push(parse_quote_spanned!(span=> #token: #is_token + #default));
            (
                quote_spanned!(span=> <#token as #default>::default()),
                quote_spanned!(span=> <#token as #is_token>::Return<#returned>),
            )
        }
    };
    let (params, _, where_clause) = generics.split_for_impl();
    let call = match op.associated {
        true => call(op, op.sig.ident.clone(), Some(token)),
        false => {
            let operation = call(op, op.making_name.clone(), None);
            quote_spanned!(span=> #runtime::async_initiate(#operation, #token))
        }
    };
    Some(quote_spanned! {span=>
        #attrs
        #vis #fn_token #twin #params(#inputs) -> #returned
        #where_clause
        {
            #call
        }
    })
}

/// The author's function under another name.
fn body(op: &Operation) -> TokenStream {
    let mut sig = op.sig.clone();
    sig.ident = op.body_name.clone();
    if op.form == Form::Deferred {
        release_self(&mut sig, op);
    }
    match (op.role, op.form) {
        (Role::Declared, Form::Async) => declared_future(sig, op),
        (_, Form::Deferred) => {
            // The author's body makes the operation.
            let attrs = [&op.attrs.body[..], &[attrs::track_caller()]].concat();
            hidden(&sig, op.role, &attrs, op.body.as_ref())
        }
        _ => hidden(&sig, op.role, &op.attrs.body, op.body.as_ref()),
    }
}

/// A body without block is required of the types that implement the trait.
pub(crate) fn hidden(
    sig: &Signature,
    role: Role,
    attrs: &[Attribute],
    body: Option<&Group>,
) -> TokenStream {
    let semi = body.is_none().then(|| quote!(;));
    // rustc warns of what concerns the code of a function without any.
    let concerns_code = |attr: &&Attribute| {
        let path = attr.path();
        path.is_ident("inline") || path.is_ident("cold")
    };
    let attrs = attrs
        .iter()
        .filter(|attr| body.is_some() || !concerns_code(attr));
    // In an `impl`, rustc takes it from the trait, and says so.
    let hidden = (role != Role::Implemented).then(|| quote!(#[doc(hidden)]));
    quote!(#(#attrs)* #hidden #sig #body #semi)
}

/// ```text
/// Input:  async fn async_x(&self, n: N) -> Output { .. }
/// Output: fn async_x_body(&self, n: N) -> impl Future<Output = Output> + Send
///         where Self: Send + Sync
///         {
///             async move {
///                 let _ = (&self, &n);
///                 { .. }
///             }
///         }
/// ```
///
/// since a trait that says `async fn` would not promise `Send`.
fn declared_future(mut sig: Signature, op: &Operation) -> TokenStream {
    let Operation { runtime, .. } = op;
    let span = at(op.sig.ident.span());
    sig.asyncness = None;
    let output = match &sig.output {
        ReturnType::Default => quote_spanned!(span=> ()),
        ReturnType::Type(_, output) => output.to_token_stream(),
    };
    sig.output = parse_quote_spanned! {span=>
        -> impl #runtime::core::future::Future<Output = #output> + #runtime::core::marker::Send
    };
    let body = op.body.as_ref().map(|body| {
        let bounds = bounds_of_self(op, false);
        if !bounds.is_empty() {
            sig.generics
                .make_where_clause()
                .predicates
                .push(parse_quote_spanned!(span=> Self: #(#bounds)+*));
        }
        // What the body does not use lives as long as the future, too.
        let names = sig.inputs.iter().filter_map(captured);
        let stream = quote_spanned! {span=>
            async move {
                let _ = (#(&#names,)*);
                #body
            }
        };
        let mut block = Group::new(Delimiter::Brace, stream);
        block.set_span(body.span());
        block
    });
    hidden(&sig, op.role, &op.attrs.body, body.as_ref())
}

fn captured(param: &FnArg) -> Option<Ident> {
    match param {
        FnArg::Receiver(receiver) => Some(Ident::from(receiver.self_token)),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pat) => Some(pat.ident.clone()),
            _ => None,
        },
    }
}

fn is_typed(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Typed(..))
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

/// In an `impl dyn Trait`, `Self::name` is the trait's `name`, too.
fn is_called_by_dot(op: &Operation) -> bool {
    op.role == Role::Own && op.sig.receiver().is_some_and(is_typed)
}

/// `self.name::<T, _>`
fn method(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let span = at(op.sig.ident.span());
    let receiver = op.inputs.first().map(|input| &input.name);
    let name = named(op, name, with_token);
    quote_spanned!(span=> #receiver.#name)
}

/// `Self::name::<T>`, with the author's type and const parameters.
pub(crate) fn path(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let scope = op
        .associated
        .then(|| quote_spanned!(at(op.sig.ident.span())=> Self::));
    let name = named(op, name, with_token);
    quote!(#scope #name)
}

fn named(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
    let span = at(op.sig.ident.span());
    let mut arguments: Vec<_> = op
        .sig
        .generics
        .params
        .iter()
        .filter_map(parameter_name)
        .collect();
    if arguments.is_empty() {
        return name.into_token_stream();
    }
    if with_token {
        arguments.push(quote_spanned!(span=> _));
    }
    quote_spanned!(span=> #name::<#(#arguments),*>)
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
        runtime,
        signature,
        lifetime,
        ..
    } = op;
    let captures = captures(op).into_iter();
    quote_spanned! {at(op.sig.ident.span())=>
        impl #runtime::Initiation<#signature> + #lifetime #(+ #captures)*
    }
}

/// What an `impl` of edition 2021 captures only when it is mentioned: the
/// lifetimes that the author names, and those in `Self`. One bound for all,
/// since rustc confuses several of one trait; `Self` last, it may be unsized.
fn captures(op: &Operation) -> Option<TypeParamBound> {
    let Operation { runtime, .. } = op;
    let span = at(op.sig.ident.span());
    let lifetimes = op.sig.generics.lifetimes().map(|param| {
        let lifetime = &param.lifetime;
        quote_spanned!(span=> &#lifetime ())
    });
    let of_self = op.associated.then(|| quote_spanned!(span=> Self));
    let captured: Vec<_> = lifetimes.chain(of_self).collect();
    match &captured[..] {
        [] => None,
        [only] => Some(parse_quote_spanned!(span=> #runtime::Captures<#only>)),
        several => Some(parse_quote_spanned!(span=> #runtime::Captures<(#(#several),*)>)),
    }
}

/// The author's generics and `'op`, which they all outlive.
fn generics(op: &Operation) -> Generics {
    let Operation {
        runtime, lifetime, ..
    } = op;
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
        let bounds = match op.role {
            Role::Declared => bounds_of_self(op, true),
            // In a trait, where `provided` is forgotten, it may not be.
            _ if copies_self(op) => vec![quote_spanned!(span=> #runtime::core::marker::Sized)],
            _ => Vec::new(),
        };
        predicates.push(parse_quote_spanned!(span=> Self: #(#bounds +)* #lifetime));
    }
    let lifetimes = generics.lifetimes().count();
    let op_param = GenericParam::Lifetime(LifetimeParam::new(lifetime.clone()));
    generics.params.insert(lifetimes, op_param);
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn copies_self(op: &Operation) -> bool {
    let receiver = op.inputs.first().filter(|first| first.name == "self");
    receiver.is_some_and(|receiver| receiver.stored == Stored::Copied)
}

/// What a trait does not know of the types that implement it, and an operation
/// of theirs needs: that `self` can be stored, and has an executor. The future
/// of the body needs to be `Send` alone.
fn bounds_of_self(op: &Operation, is_initiating: bool) -> Vec<TokenStream> {
    let Operation { runtime, .. } = op;
    let span = at(op.sig.ident.span());
    let marker = |name: &str| {
        let name = Ident::new(name, span);
        quote_spanned!(span=> #runtime::core::marker::#name)
    };
    let mut bounds = Vec::new();
    if is_initiating {
        bounds.push(marker("Sized"));
    }
    let Some(Input {
        declared: FnArg::Receiver(receiver),
        stored,
        ..
    }) = op.inputs.first()
    else {
        return bounds;
    };
    if is_initiating && op.form != Form::Deferred {
        if matches!(op.executor, Executor::OfFirst) {
            bounds.push(quote_spanned!(span=> #runtime::IoObject));
        }
        if let (ReceiverKind::Reference(..), Stored::Copied) = (&receiver.kind, stored) {
            bounds.push(quote_spanned!(span=> #runtime::core::clone::Clone));
        }
    }
    let (is_sent, is_shared) = match (&receiver.kind, stored) {
        (ReceiverKind::Typed(..), _) => (true, true),
        (ReceiverKind::Reference(_, _, Some(_)), _) => (true, false),
        (ReceiverKind::Reference(..), Stored::Copied) => (is_initiating, op.form == Form::Async),
        (ReceiverKind::Reference(..), _) => (false, true),
        _ => (true, false),
    };
    if is_sent && op.form != Form::Deferred {
        bounds.push(marker("Send"));
    }
    if is_shared && op.form != Form::Deferred {
        bounds.push(marker("Sync"));
    }
    bounds
}

fn attrs(docs: &[Attribute], section: Vec<String>, attrs: &[Attribute]) -> TokenStream {
    quote! {
        #(#docs)*
        #(#[doc = #section])*
        #(#attrs)*
        #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    }
}
