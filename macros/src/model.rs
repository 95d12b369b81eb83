//! What the attribute and the function mean.

use crate::args::{Args, Cancellation, Default_};
use crate::attrs::Attrs;
use crate::errors::Errors;
use crate::form::{self, Form};
use crate::inputs::{self, Input};
use crate::lifetimes;
use crate::names::{self, Names};
use crate::parse::{Body, Function};
use crate::reader::SelfType;
use crate::signature;
use crate::spans::start_of;
use crate::types;
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Ident, Lifetime, Safety, Signature, Type, Visibility};

/// An initiating function.
pub(crate) struct Operation {
    /// The place of what is not the author's.
    pub(crate) span: Span,
    /// The path of the runtime's `expansion` module.
    pub(crate) runtime: TokenStream,
    pub(crate) attrs: Attrs,
    pub(crate) vis: Visibility,
    /// That of the author's function, without the qualifiers that `check`
    /// refuses.
    pub(crate) sig: Signature,
    /// `None` for a required operation of a trait.
    pub(crate) body: Option<Group>,
    /// The name of the author's function.
    pub(crate) body_name: Ident,
    /// The name of the function that makes the operation.
    pub(crate) making_name: Ident,
    /// Of all that the author has written, and where.
    pub(crate) place: u32,
    pub(crate) form: Form,
    pub(crate) role: Role,
    /// The completion signature.
    pub(crate) signature: Type,
    /// All parameters but the completion.
    pub(crate) inputs: Vec<Input>,
    pub(crate) executor: Executor,
    pub(crate) cancellation: Option<Cancellation>,
    /// The name of the second door.
    pub(crate) twin: Option<Ident>,
    /// The completion token of the second door, if not `Deferred`.
    pub(crate) default_token: Option<Type>,
    /// Whether the body is an associated function, with access to `Self`.
    pub(crate) associated: bool,
    /// What is known of `Self`.
    pub(crate) self_type: SelfType,
    pub(crate) lifetime: Lifetime,
    pub(crate) token_type: Ident,
    pub(crate) token: Ident,
}

impl Operation {
    /// Whether the operation surely borrows nothing, and is of one type.
    pub(crate) fn is_owned(&self) -> bool {
        let is_generic = !self.sig.generics.params.is_empty();
        let is_borrowed = |input: &Input| {
            signature::lifetimes_of(&input.declared).contains(&self.lifetime)
                || inputs::ty(&input.declared).is_some_and(types::has_impl_trait)
        };
        let borrows = self.inputs.iter().any(is_borrowed)
            || lifetimes::named_in_signature(&self.signature).contains(&self.lifetime);
        !self.associated && !is_generic && !borrows
    }
}

/// What a trait has to do with the operation.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Nothing.
    Own,
    /// It declares the operation.
    Declared,
    /// It declares the operation, and this is the body of one type.
    Implemented,
}

/// Where the I/O executor comes from.
pub(crate) enum Executor {
    Given(TokenStream),
    /// The first parameter.
    OfFirst,
    System,
}

/// `None` after reporting that the form or the signature cannot be told.
pub(crate) fn operation(
    args: &Args,
    function: &Function,
    names: &Names,
    cx: &mut Errors,
) -> Option<Operation> {
    let sig = &function.sig;
    let span = start_of(sig.ident.span());
    let lifetime = Lifetime::new(&names.fresh("'op"), span);
    let form = form::of(sig);
    let inputs = inputs::of(form, sig, names, &lifetime);
    let signature = signature::of(form, args, sig, &inputs, &lifetime, cx);
    let twin = match role(args, function) {
        Role::Own | Role::Declared => twin(args, &sig.ident, cx),
        Role::Implemented => None,
    };
    Some(Operation {
        span,
        runtime: names::runtime(args, &sig.ident),
        attrs: Attrs::route(&function.attrs),
        vis: function.vis.clone(),
        sig: unqualified(sig),
        body: match &function.body {
            Body::Block(body) => Some(body.clone()),
            Body::Semi(_) => None,
        },
        body_name: body_name(sig, role(args, function), names),
        making_name: making_name(sig, is_associated(args, function), names),
        place: names.hash,
        form,
        role: role(args, function),
        signature: signature?,
        executor: executor(args, &inputs),
        inputs,
        cancellation: args.cancellation.as_ref().map(|given| given.value),
        twin,
        default_token: args.default_token.as_ref().map(|given| given.value.clone()),
        associated: is_associated(args, function),
        self_type: SelfType::Unknown,
        token_type: Ident::new(&names.fresh("Token"), span),
        token: Ident::new(&names.fresh("token"), span),
        lifetime,
    })
}

/// A function as it may stand beside others.
pub(crate) fn unqualified(sig: &Signature) -> Signature {
    Signature {
        constness: None,
        safety: Safety::Default,
        abi: None,
        variadic: None,
        ..sig.clone()
    }
}

/// What tells two functions of the same tokens apart, and stays when what is
/// above them changes, or the directory.
pub(crate) fn place(file: &str, column: usize) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{name}:{column}")
}

/// A function without body is in the definition of a trait. Otherwise the
/// author must tell: an attribute does not see what is around its function.
pub(crate) fn role(args: &Args, function: &Function) -> Role {
    match &function.body {
        _ if args.implements.is_some() => Role::Implemented,
        _ if args.provided.is_some() => Role::Declared,
        Body::Semi(_) => Role::Declared,
        Body::Block(_) => Role::Own,
    }
}

/// The name of the function that makes the operation.
fn making_name(sig: &Signature, is_associated: bool, names: &Names) -> Ident {
    let underscore = if is_associated { "_" } else { "" };
    let name = format!("{underscore}{}_operation", sig.ident.unraw());
    Ident::new(&names.fresh(&name), start_of(sig.ident.span()))
}

/// The name of the author's function, which in a trait is for others to know.
///
/// An `impl dyn Trait` has operations named like the trait's, and their bodies
/// call the trait's: so the name is another where the body mentions it.
pub(crate) fn body_name(sig: &Signature, role: Role, names: &Names) -> Ident {
    let name = format!("{}_body", sig.ident.unraw());
    let name = match role {
        Role::Own => names.fresh(&name),
        Role::Declared | Role::Implemented => name,
    };
    Ident::new(&name, start_of(sig.ident.span()))
}

fn executor(args: &Args, inputs: &[Input]) -> Executor {
    match &args.executor {
        Some(executor) => Executor::Given(executor.value.to_token_stream()),
        None if inputs.is_empty() => Executor::System,
        None => Executor::OfFirst,
    }
}

/// A function is known to be in an `impl` when it has a receiver or says
/// `Self`. Otherwise the author must tell.
pub(crate) fn is_associated(args: &Args, function: &Function) -> bool {
    args.associated.is_some()
        || role(args, function) != Role::Own
        || function.sig.receiver().is_some()
        || mentions_self(function.sig.to_token_stream(), &[])
        || matches!(&function.body, Body::Block(body) if mentions_self(body.stream(), &ITEMS))
}

/// What opens an item in a body that has a `Self` of its own.
const ITEMS: [&str; 5] = ["struct", "enum", "union", "trait", "impl"];

/// Whether `Self` occurs, other than in such an item.
fn mentions_self(tokens: TokenStream, items: &[&str]) -> bool {
    let mut in_item = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                if !in_item && mentions_self(group.stream(), items) {
                    return true;
                }
                in_item &= group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Ident(ident) if items.iter().any(|item| ident == item) => in_item = true,
            TokenTree::Ident(ident) if ident == "Self" && !in_item => return true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => in_item = false,
            _ => {}
        }
    }
    false
}

/// The name of the second door.
pub(crate) fn twin(args: &Args, name: &Ident, cx: &mut Errors) -> Option<Ident> {
    match args.default.as_ref().map(|default| &default.value) {
        Some(Default_::Off) => None,
        Some(Default_::Named(twin)) if twin == name => {
            cx.error(
                twin,
                format_args!("`{twin}` is the name of the initiating function"),
                "give the function without token another name, or write `default = false`",
            );
            None
        }
        Some(Default_::Named(twin)) => Some(twin.clone()),
        None => plain_name(name, cx),
    }
}

/// `x` for `async_x`.
fn plain_name(name: &Ident, cx: &mut Errors) -> Option<Ident> {
    let name_text = name.unraw().to_string();
    let Some(plain) = name_text.strip_prefix("async_") else {
        cx.error(
            name,
            format_args!(
                "`{name_text}` lacks `async_`, which tells it from the function without token"
            ),
            format_args!(
                "name it `async_{name_text}`; or `#[async_op(default = name)]` names the other \
                 function, `default = false` leaves it out"
            ),
        );
        return None;
    };
    match syn::parse_str::<Ident>(plain) {
        Ok(mut twin) => {
            // The author's own: an editor goes to where both its ends are.
            twin.set_span(name.span());
            Some(twin)
        }
        Err(_) => {
            let plain = if plain.is_empty() { &name_text } else { plain };
            cx.error(
                name,
                format_args!("`{plain}` cannot name the function that returns the operation"),
                "name it with `#[async_op(default = name)]`, or write `default = false`",
            );
            None
        }
    }
}
