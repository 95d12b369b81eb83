//! The expansion. Its `impl` tokens have this crate's edition, 2021: what they
//! capture leaves out the anonymous lifetime of `&self`, so that a caller may
//! return the operation.

use crate::docs;
use crate::inputs::{self, Input, Stored};
use crate::lifetimes;
use crate::model::{ungroup, ungroup_mut, Executor, Form, Operation};
use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::ext::IdentExt as _;
use syn::{
    parse_quote_spanned, Attribute, FnArg, GenericParam, Generics, LifetimeParam, ReceiverKind,
    ReturnType, Signature, Type, TypeParam, TypeParamBound, WherePredicate,
};

/// The place of `span`, with the hygiene and edition of this crate. Lints for
/// the author's code leave such tokens alone.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

pub(crate) fn operation(op: &Operation) -> TokenStream {
    functions(op, &initiation(op))
}

/// The functions, with an operation that nobody starts in the place of the
/// author's: for a function with mistakes.
pub(crate) fn inert(op: &Operation) -> TokenStream {
    let Operation {
        private, signature, ..
    } = op;
    let meta = meta(op);
    let names = op.inputs.iter().map(|input| &input.name);
    let pending = quote_spanned! {at(op.sig.ident.span())=>
        let _ = (#(&#names,)*);
        #meta
        let operation = #private::from_future::<#signature, _, _>(
            meta,
            #private::SystemExecutor,
            #private::core::future::pending(),
        );
    };
    functions(op, &pending)
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
    let attrs = attrs(
        &op.attrs.docs,
        docs::completion_section(op),
        &op.attrs.outer,
    );
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

fn body_name(name: &Ident) -> Ident {
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
        for bound in &mut ty.bounds {
            lifetimes::name_elided_in_bound(bound, &op.lifetime);
        }
        ty.bounds
            .push(TypeParamBound::Lifetime(op.lifetime.clone()));
        ty.bounds.extend(captures(op));
    }
}

/// `Self::name::<T>`, with the author's type and const parameters.
fn path(op: &Operation, name: Ident, with_token: bool) -> TokenStream {
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

// The body of the initiating function.

/// The statements that declare `operation`.
fn initiation(op: &Operation) -> TokenStream {
    let Operation {
        private, signature, ..
    } = op;
    let body = path(op, body_name(&op.sig.ident), false);
    let arguments: Vec<_> = op.inputs.iter().map(argument).collect();
    let span = at(op.sig.ident.span());
    let (meta, executor, copies) = match op.form {
        Form::Deferred => {
            return quote_spanned!(span=> let operation = #body(#(#arguments),*););
        }
        Form::Handler | Form::Async => (meta(op), executor(op), copies(op)),
    };
    let operation = match op.form {
        Form::Async => {
            let future = future(op, quote!(#body(#(#arguments),*)));
            quote_spanned!(span=> #private::from_future::<#signature, _, _>(meta, executor, #future))
        }
        _ => quote_spanned! {span=>
            #private::from_fn::<#signature, _, _>(meta, executor, move |op| #body(#(#arguments,)* op))
        },
    };
    quote_spanned! {span=>
        #meta
        #executor
        #copies
        let operation = #operation;
    }
}

/// The future of the body; it borrows the copies, if there are any.
fn future(op: &Operation, call: TokenStream) -> TokenStream {
    if op.inputs.iter().any(|input| input.stored == Stored::Copied) {
        quote_spanned!(at(op.sig.ident.span())=> async move { #call.await })
    } else {
        call
    }
}

/// In a block of its own, lest the author's nested body see the name.
fn meta(op: &Operation) -> TokenStream {
    let Operation { private, .. } = op;
    let name = op.sig.ident.unraw().to_string();
    let names = |stored| {
        let inputs = op.inputs.iter().filter(move |input| input.stored == stored);
        inputs
            .map(|input| input.name.unraw().to_string())
            .collect::<Vec<_>>()
    };
    let (copied, borrowed) = (names(Stored::Copied), names(Stored::Borrowed));
    quote_spanned! {at(op.sig.ident.span())=>
        let meta = {
            const META: #private::Meta =
                #private::Meta::new(#name, &[#(#copied),*], &[#(#borrowed),*]);
            &META
        };
    }
}

fn executor(op: &Operation) -> TokenStream {
    let Operation { private, .. } = op;
    let span = at(op.sig.ident.span());
    let executor = match (&op.executor, op.inputs.first()) {
        (Executor::Given(executor), _) => executor.to_token_stream(),
        (Executor::OfFirst, Some(first)) => executor_of(op, first),
        (Executor::OfFirst | Executor::System, _) => {
            quote_spanned!(span=> #private::SystemExecutor)
        }
    };
    quote_spanned!(span=> let executor = #executor;)
}

fn executor_of(op: &Operation, first: &Input) -> TokenStream {
    let Operation { private, .. } = op;
    let name = &first.name;
    let derefs = match &first.declared {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(..) => 1,
            ReceiverKind::Typed(_, ty) => derefs_to_self(ty),
            _ => 0,
        },
        FnArg::Typed(typed) => usize::from(matches!(ungroup(&typed.ty), Type::Reference(_))),
    };
    let span = at(name.span());
    let derefs = std::iter::repeat_n(quote_spanned!(span=> *), derefs);
    quote_spanned!(span=> #private::executor_of(&#(#derefs)* #name))
}

/// How often `self` of this type is dereferenced to be `Self`.
fn derefs_to_self(ty: &Type) -> usize {
    match ungroup(ty) {
        Type::Path(ty) if ty.path.is_ident("Self") => 0,
        Type::Reference(ty) => 1 + derefs_to_self(&ty.elem),
        // `Arc<Self>` and such.
        _ => 1,
    }
}

fn copies(op: &Operation) -> TokenStream {
    let Operation { private, .. } = op;
    let copied = op
        .inputs
        .iter()
        .filter(|input| input.stored == Stored::Copied);
    let copies = copied.map(|input| {
        let name = &input.name;
        let copy = copy_name(input);
        quote_spanned!(at(name.span())=> let #copy = #private::copy_of(#name);)
    });
    quote!(#(#copies)*)
}

/// The name of the copy: hygienic, so that it may be that of the parameter.
fn copy_name(input: &Input) -> Ident {
    let span = at(input.name.span());
    if input.name == "self" {
        return Ident::new("this", span);
    }
    let mut name = input.name.clone();
    name.set_span(span);
    name
}

/// What the body is given.
fn argument(input: &Input) -> TokenStream {
    match input.stored {
        Stored::Copied => {
            let copy = copy_name(input);
            quote_spanned!(copy.span()=> &#copy)
        }
        Stored::Borrowed | Stored::Moved => input.name.to_token_stream(),
    }
}
