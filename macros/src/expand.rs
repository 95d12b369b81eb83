//! The expansion. Its `impl` tokens have this crate's edition, 2021: what they
//! capture leaves out the anonymous lifetime of `&self`, so that a caller may
//! return the operation.

use crate::attrs;
use crate::call;
use crate::docs;
use crate::editor;
use crate::form::Form;
use crate::initiation;
use crate::inputs::{self, Input, Stored};
use crate::lifetimes;
use crate::model::{Executor, Operation, Role};
use crate::reader::SelfType;
use crate::signature;
use crate::spans::{at, end_of};
use crate::types::ungroup_mut;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned, ToTokens};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{
    parse_quote, parse_quote_spanned, Attribute, FnArg, GenericParam, Generics, Lifetime,
    LifetimeParam, Pat, Receiver, ReceiverKind, ReturnType, Signature, Token, Type, TypeParamBound,
    WhereClause, WherePredicate,
};

/// As many parameters as Clippy lets pass.
const MANY: usize = 7;

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
///             async_initiate(Self::_async_x_operation(self, n), token)
///         }
///         fn x<'op>(&self, n: N) -> Operation<fn(Output), impl Initiation<fn(Output)> + 'op> {
///             Self::async_x(self, n, Deferred)
///         }
///         fn _async_x_operation<'op>(&self, n: N) -> impl Initiation<fn(Output)> + 'op {
///             #initiation
///         }
///         async fn async_x_body(&self, n: N) -> Output { .. }
/// ```
///
/// What is made in `_async_x_operation` has one type for all tokens, and is
/// compiled once. In the deferred form there is no `initiation`: it is the body
/// that makes the operation.
///
/// Of a free function, that one is in `async_x`, and the body in it: nothing but
/// the two functions can be named. In an `impl`, taken for one, `x` does not find
/// `async_x`, or finds another's, and refuses that.
///
/// An operation that nobody starts is never used: rustc says so of `async_x`, which
/// `x` calls. A name with an underscore it leaves alone.
fn functions(op: &Operation, initiation: Option<&TokenStream>) -> TokenStream {
    let body = body(op);
    let twin = twin(op);
    if !op.associated {
        let initiation = initiation.map_or_else(|| initiation::of_body(op), Clone::clone);
        let making = making(op, &quote!(#body #initiation));
        let initiating = initiating(op, &op.making_name, Some(&making));
        return quote!(#initiating #twin);
    }
    let making = initiation.map(|initiation| making(op, initiation));
    let maker = match &making {
        Some(_) => &op.making_name,
        None => &op.body_name,
    };
    let initiating = initiating(op, maker, None);
    quote!(#initiating #twin #making #body)
}

fn making(op: &Operation, statements: &TokenStream) -> TokenStream {
    let mut name = op.making_name.clone();
    name.set_span(end_of(op.sig.ident.span()));
    let fn_token = fn_token(op);
    let inputs = declared(op);
    let (generics, returned) = match op.is_owned() {
        true => (Generics::default(), owned(op)),
        false => (generics(op), returned(op)),
    };
    let (params, _, where_clause) = generics.split_for_impl();
    let is_for_callers =
        |attr: &&Attribute| attr.path().is_ident("doc") || attr.path().is_ident("deprecated");
    let for_code = op.attrs.twin.iter().filter(|attr| !is_for_callers(attr));
    let attrs = attrs(op, &[], Vec::new(), &for_code.cloned().collect::<Vec<_>>());
    let hidden = op.associated.then(|| {
        let not_offered = editor::not_offered();
        quote!(#[doc(hidden)] #not_offered)
    });
    quote_spanned! {op.span=>
        #hidden
        #attrs
        #fn_token #name #params(#inputs) -> #returned
        #where_clause
        {
            #statements
        }
    }
}

/// The function that takes a token: what `maker` makes is given to it.
fn initiating(op: &Operation, maker: &Ident, making: Option<&TokenStream>) -> TokenStream {
    let Operation {
        runtime,
        vis,
        signature,
        lifetime,
        token_type,
        token,
        ..
    } = op;
    let attrs = attrs(op, &op.attrs.docs, docs::sections(op), &op.attrs.outer);
    let allowed = allowed(op);
    let name = &op.sig.ident;
    let inputs = declared(op);
    let mut returned = returned(op);
    let mut operation = call(op, maker.clone(), None);
    if op.role == Role::Declared {
        let span = op.span;
        returned = quote_spanned!(span=> #returned + #runtime::OfTrait);
        operation = quote_spanned!(span=> #runtime::of_trait(#operation));
    }
    let mut generics = generics(op);
    let span = op.span;
    let is_token = quote_spanned!(span=> #runtime::CompletionToken<#lifetime, #signature>);
    // No clause of ours where the author has none: rustc suggests to add to it.
    match &mut generics.where_clause {
        Some(clause) => {
            let predicate = parse_quote_spanned!(span=> #token_type: #is_token);
            clause.predicates.push(predicate);
            generics
                .params
                .push(parse_quote_spanned!(span=> #token_type));
        }
        None => {
            let param = parse_quote_spanned!(span=> #token_type: #is_token);
            generics.params.push(param);
        }
    }
    let (params, _, where_clause) = generics.split_for_impl();
    let initiate = match op.associated {
        true => quote_spanned!(span=> #runtime::async_initiate),
        false => {
            let place = place(op);
            quote_spanned!(span=> #runtime::async_initiate_at::<#place, _, _, _>)
        }
    };
    let block = quote_spanned! {span=>
        #making
        #initiate(#operation, #token)
    };
    let (fn_token, gt, block) = authors_frame(op, block);
    quote_spanned! {span=>
        #attrs
        #allowed
        #vis #fn_token #name #params(#inputs #token: #token_type)
            -> #token_type::Return<#returned #gt
        #where_clause
        #block
    }
}

/// What Clippy says of a function that is the author's, and not of his own. Only
/// where it may: who forbids such lints is told of each `allow`.
fn allowed(op: &Operation) -> Option<TokenStream> {
    let is_many = op.inputs.len() >= MANY;
    let is_copied = |input: &Input| input.stored == Stored::Copied && input.name != "self";
    let is_copied = op.inputs.iter().any(is_copied);
    let lints = (is_many
        .then(|| quote!(clippy::too_many_arguments))
        .into_iter())
    .chain(is_copied.then(|| quote!(clippy::trivially_copy_pass_by_ref)));
    (is_many || is_copied).then(
        || quote!(#[allow(#(#lints,)* reason = "a token is added, and copies are passed on")]),
    )
}

/// What a function begins with, its signature and its block end with: where
/// these are the author's, so is the function, for rustc to say that it is never
/// used.
fn authors_frame(op: &Operation, block: TokenStream) -> (Token![fn], Token![>], Group) {
    let parentheses = op.sig.paren_token.span;
    let mut block = Group::new(Delimiter::Brace, block);
    block.set_span(parentheses.join());
    (op.sig.fn_token, Token![>](parentheses.close()), block)
}

/// What tells the operation from others of its name.
fn place(op: &Operation) -> Literal {
    let mut place = Literal::u32_unsuffixed(op.place);
    place.set_span(Span::mixed_site());
    place
}

/// Ours: rustc does not say that the function is never used, and of those beside
/// it in an `impl` only what `unreported` leaves to it.
fn fn_token(op: &Operation) -> Token![fn] {
    Token![fn](at(op.sig.ident.span()))
}

/// A call of another function of the operation: `Self::name(self, n, #last)`.
fn call(op: &Operation, name: Ident, last: Option<TokenStream>) -> TokenStream {
    let by_dot = is_called_by_dot(op);
    let function = match by_dot {
        true => call::method(op, name, last.is_some()),
        false => call::path(op, name, last.is_some()),
    };
    let names = op.inputs.iter().map(|input| &input.name);
    let names = names.skip(usize::from(by_dot));
    quote_spanned!(op.span=> #function(#(#names,)* #last))
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
    let attrs = attrs(op, &[], docs::twin_section(op), &op.attrs.twin);
    let fn_token = fn_token(op);
    let inputs = declared(op);
    let returned = returned(op);
    let mut generics = generics(op);
    let span = op.span;
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
    let token = match op.associated {
        true => token,
        false => {
            let place = place(op);
            quote_spanned!(span=> #runtime::At::<_, #place>(#token))
        }
    };
    let mut name = op.sig.ident.clone();
    name.set_span(span);
    let call = call(op, name, Some(token));
    let unreported = unreported(op);
    Some(quote_spanned! {span=>
        #attrs
        #unreported
        #vis #fn_token #twin #params(#inputs) -> #returned
        #where_clause
        {
            #call
        }
    })
}

/// rustc says in one message which functions of an `impl` are never used, and
/// says nothing if one of them is ours. There is a message for each level.
fn unreported(op: &Operation) -> Option<TokenStream> {
    let span = op.span;
    op.associated
        .then(|| quote_spanned!(span=> #[forbid(dead_code)]))
}

/// The author's function under another name.
fn body(op: &Operation) -> TokenStream {
    let mut sig = op.sig.clone();
    sig.ident = op.body_name.clone();
    sig.ident.set_span(end_of(op.sig.ident.span()));
    if op.form == Form::Deferred {
        release_self(&mut sig, op);
    }
    match (op.role, op.form) {
        (Role::Declared, Form::Async) => declared_future(sig, op),
        (_, Form::Deferred) => {
            // The author's body makes the operation.
            let ours = [attrs::track_caller(), attrs::captures_as_before()];
            let attrs = [&op.attrs.body[..], &ours].concat();
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
    let semi = (body.is_none()).then(|| Token![;](sig.paren_token.span.close()));
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
    // That of a trait's operation is for others to call.
    let not_offered = (role == Role::Own).then(editor::not_offered).flatten();
    let mut sig = sig.clone();
    name_is_needed(&mut sig);
    quote!(#(#attrs)* #hidden #not_offered #sig #body #semi)
}

/// `'a: 'a` for each `'a` of a parameter: that it needs no name is not true, since
/// with one the argument is borrowed. Clippy leaves alone what has bounds.
fn name_is_needed(sig: &mut Signature) {
    let used: Vec<_> = sig
        .inputs
        .iter()
        .flat_map(signature::lifetimes_of)
        .collect();
    for param in sig.generics.lifetimes_mut() {
        if param.bounds.is_empty() && used.contains(&param.lifetime) {
            param.colon_token = Some(Token![:](at(param.lifetime.span())));
            param.bounds.push(param.lifetime.clone());
        }
    }
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
    let span = op.span;
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
        let names: Vec<_> = sig.inputs.iter().filter_map(captured).collect();
        let unused = names.iter().filter(|name| is_unused(name, body));
        let mut block = body.clone();
        // Not the author's, whose braces might be unnecessary.
        block.set_span(at(body.span()));
        let is_underscored = names.iter().any(is_underscored);
        let allowed = is_underscored.then(
            || quote!(#[allow(clippy::used_underscore_binding, reason = "the author has not")]),
        );
        let stream = quote_spanned! {span=>
            async move {
                #allowed
                let _ = (#(&#names,)*);
                #(let #unused = #unused;)*
                #block
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

/// Whether the author says by no underscore that he uses the argument, and does
/// not: for rustc to say so, it is bound once more.
fn is_unused(name: &Ident, body: &Group) -> bool {
    name != "self" && !is_underscored(name) && !mentions(body.stream(), &name.unraw().to_string())
}

fn is_underscored(name: &Ident) -> bool {
    name.to_string().starts_with('_')
}

/// Whether the body mentions the name, be it in a string to be formatted.
fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Ident(ident) => ident.unraw() == name,
        TokenTree::Literal(literal) => literal.to_string().contains(name),
        TokenTree::Punct(_) => false,
    })
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
        let end = end_of(last_span(&ty).unwrap_or(op.span));
        ty.impl_token.span = at(ty.impl_token.span);
        let is_use = |bound: &TypeParamBound| matches!(bound, TypeParamBound::PreciseCapture(_));
        let bounds = ty.bounds.iter().filter(|bound| !is_use(bound)).cloned();
        ty.bounds = bounds.collect();
        for bound in &mut ty.bounds {
            lifetimes::name_elided_in_bound(bound, &op.lifetime);
        }
        // rustc suggests something for the whole type.
        let outlives = TypeParamBound::Lifetime(op.lifetime.clone());
        for bound in std::iter::once(outlives).chain(captures(op)) {
            let bound = moved(bound, end);
            ty.bounds.push_punct(Token![+](end));
            ty.bounds.push_value(parse_quote!(#bound));
        }
    }
}

/// In an `impl dyn Trait`, `Self::name` is the trait's `name`, too.
fn is_called_by_dot(op: &Operation) -> bool {
    op.role == Role::Own && op.sig.receiver().is_some_and(is_typed)
}

// The signature.

fn declared(op: &Operation) -> TokenStream {
    let inputs = op.inputs.iter().map(|input| &input.declared);
    quote!(#(#inputs,)*)
}

/// `impl Initiation<S>`
fn owned(op: &Operation) -> TokenStream {
    let Operation {
        runtime, signature, ..
    } = op;
    quote_spanned!(op.span=> impl #runtime::Initiation<#signature>)
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
    quote_spanned! {op.span=>
        impl #runtime::Initiation<#signature> + #lifetime #(+ #captures)*
    }
}

/// What an `impl` of edition 2021 captures only when it is mentioned: the
/// lifetimes that the author names, and those in `Self`. One bound for all,
/// since rustc confuses several of one trait; `Self` last, it may be unsized.
fn captures(op: &Operation) -> Option<TypeParamBound> {
    let Operation { runtime, .. } = op;
    let span = op.span;
    let lifetimes = op.sig.generics.lifetimes().map(|param| {
        let lifetime = &param.lifetime;
        quote_spanned!(span=> &#lifetime ())
    });
    // In a trait it captures all there is; but a lifetime that is in one argument alone
    // seems to need no name.
    let has_self = op.associated && op.role != Role::Declared && op.self_type == SelfType::Unknown;
    let of_self = has_self.then(|| quote_spanned!(span=> Self));
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
    // Where rustc adds what it suggests, if the author has no clause.
    let span = end_of(last_span(&op.sig.generics.params).unwrap_or(op.sig.ident.span()));
    let mut here = lifetime.clone();
    here.set_span(span);
    let mut generics = op.sig.generics.clone();
    let clause = generics.where_clause.as_mut();
    let mut authors: Vec<_> = clause.map_or_else(Vec::new, |it| it.predicates.iter_mut().collect());
    let mut predicates: Vec<WherePredicate> = Vec::new();
    for param in &mut generics.params {
        match param {
            // In one place with the author's bounds, or Clippy objects.
            GenericParam::Type(param) if !param.bounds.is_empty() => {
                outlive(&mut param.bounds, lifetime);
            }
            GenericParam::Type(param) => {
                let ident = &param.ident;
                match authors.iter_mut().find_map(|it| bounds_on(it, ident)) {
                    Some(bounds) => outlive(bounds, lifetime),
                    None => {
                        let mut ident = ident.clone();
                        ident.set_span(span);
                        predicates.push(parse_quote_spanned!(span=> #ident: #here));
                    }
                }
            }
            GenericParam::Lifetime(param) => {
                param.colon_token.get_or_insert(Token![:](op.span));
                param.bounds.push(lifetime.clone());
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
        // What has no parameters outlives all.
        if op.self_type != SelfType::Concrete {
            predicates.push(parse_quote_spanned!(span=> Self: #(#bounds +)* #here));
        }
    }
    let lifetimes = generics.lifetimes().count();
    let op_param = GenericParam::Lifetime(LifetimeParam::new(lifetime.clone()));
    generics.params.insert(lifetimes, op_param);
    require(&mut generics, predicates, span);
    generics
}

/// Adds predicates before the author's: after those rustc adds others.
fn require(generics: &mut Generics, predicates: Vec<WherePredicate>, span: Span) {
    if predicates.is_empty() {
        return;
    }
    let clause = generics.where_clause.get_or_insert_with(|| WhereClause {
        where_token: Token![where](span),
        predicates: Punctuated::new(),
    });
    let authors = std::mem::take(&mut clause.predicates);
    clause.predicates = predicates.into_iter().chain(authors).collect();
}

/// Where the last of the tokens is.
fn last_span(tokens: impl ToTokens) -> Option<Span> {
    let last = tokens.into_token_stream().into_iter().last()?;
    Some(match last {
        TokenTree::Group(group) => group.span_close(),
        last => last.span(),
    })
}

/// The tokens at another place.
fn moved(tokens: impl ToTokens, place: Span) -> TokenStream {
    let tokens = tokens.into_token_stream().into_iter();
    let moved = tokens.map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), moved(group.stream(), place)).into();
        }
        token.set_span(token.span().located_at(place));
        token
    });
    moved.collect()
}

type Bounds = Punctuated<TypeParamBound, Token![+]>;

/// The bounds that a predicate has for the type parameter.
fn bounds_on<'a>(predicate: &'a mut WherePredicate, name: &Ident) -> Option<&'a mut Bounds> {
    match predicate {
        WherePredicate::Type(predicate) => match &predicate.bounded_ty {
            Type::Path(path) if path.path.is_ident(name) => Some(&mut predicate.bounds),
            _ => None,
        },
        _ => None,
    }
}

/// Adds `'op` to the bounds, where they do not say more.
fn outlive(bounds: &mut Bounds, lifetime: &Lifetime) {
    let is_static = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(it) if it.ident == "static");
    if !bounds.iter().any(is_static) {
        bounds.push(TypeParamBound::Lifetime(lifetime.clone()));
    }
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
    let span = op.span;
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

/// What the macro says comes before the author's own sections.
fn attrs(
    op: &Operation,
    docs: &[Attribute],
    section: Vec<String>,
    attrs: &[Attribute],
) -> TokenStream {
    let (summary, sections) = docs::summary_and_sections(docs);
    let separator = (!sections.is_empty()).then_some("");
    let added = section.iter().map(String::as_str);
    let added = added.skip(usize::from(docs::ends_blank(summary)));
    let added = added.chain(separator);
    quote_spanned! {op.span=>
        #(#summary)*
        #(#[doc = #added])*
        #(#sections)*
        #(#attrs)*
    }
}
