use crate::errors::Errors;
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::token::Brace;
use syn::{Abi, Attribute, Ident, Signature, Token, Visibility};

/// The annotated function as written. Its body stays raw tokens, so that a
/// half-typed body neither hides the function nor breaks completion in it.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) defaultness: Option<Ident>,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Block(Group),
    /// A function without body: a member of a trait definition.
    Semi(Token![;]),
}

impl ToTokens for Body {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Block(block) => block.to_tokens(tokens),
            Self::Semi(semi) => semi.to_tokens(tokens),
        }
    }
}

/// Reads a function. `None` after reporting that it is none.
pub(crate) fn function(item: TokenStream, cx: &mut Errors) -> Option<Function> {
    let parsed = (|input: ParseStream<'_>| parse_function(input, cx)).parse2(item);
    match parsed {
        Ok(function) => function,
        Err(error) => {
            // rustc says what is missing; it has read the function before.
            cx.error(
                Located(error.span()),
                "`#[async_op]` cannot read the function from here on",
                "if the compiler can, please report it",
            );
            None
        }
    }
}

fn parse_function(input: ParseStream<'_>, cx: &mut Errors) -> syn::Result<Option<Function>> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    if let Some((token, what)) = other_item(input) {
        // rustc has refused it before.
        if what == "a `let`" {
            input.parse::<TokenStream>()?;
            return Ok(None);
        }
        cx.error(
            token,
            format_args!("`#[async_op]` applies to functions, not to {what}"),
            "move it onto the function that starts the operation",
        );
        input.parse::<TokenStream>()?;
        return Ok(None);
    }
    let defaultness = parse_defaultness(input)?;
    let sig = input.parse()?;
    let body = parse_body(input)?;
    Ok(Some(Function {
        attrs,
        vis,
        defaultness,
        sig,
        body,
    }))
}

/// What follows, with its first token, if it is surely no function.
fn other_item(input: ParseStream<'_>) -> Option<(TokenTree, String)> {
    const KEYWORDS: [&str; 11] = [
        "struct",
        "enum",
        "union",
        "trait",
        "impl",
        "mod",
        "static",
        "type",
        "use",
        "macro_rules",
        "let",
    ];
    let ahead = input.fork();
    let first: TokenTree = ahead.parse().ok()?;
    let name = match &first {
        TokenTree::Ident(keyword) => keyword.to_string(),
        _ => return None,
    };
    let what = match name.as_str() {
        "enum" | "impl" => format!("an `{name}`"),
        name if KEYWORDS.contains(&name) => format!("a `{name}`"),
        "const" if ahead.peek(Ident) || ahead.peek(Token![_]) => "a `const`".to_owned(),
        "extern" if ahead.peek(Token![crate]) => "an `extern crate`".to_owned(),
        "extern" | "unsafe" if is_foreign_block(input) => "an `extern` block".to_owned(),
        _ if ahead.peek(Token![!]) || ahead.peek(Token![::]) => "a macro call".to_owned(),
        _ => return None,
    };
    Some((first, what))
}

/// `unsafe extern "C" {`
fn is_foreign_block(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let _ = ahead.parse::<Token![unsafe]>();
    ahead.parse::<Abi>().is_ok() && ahead.peek(Brace)
}

fn parse_defaultness(input: ParseStream<'_>) -> syn::Result<Option<Ident>> {
    let ahead = input.fork();
    match ahead.call(Ident::parse_any) {
        Ok(ident) if ident == "default" => input.call(Ident::parse_any).map(Some),
        _ => Ok(None),
    }
}

fn parse_body(input: ParseStream<'_>) -> syn::Result<Body> {
    if input.peek(Token![;]) {
        return input.parse().map(Body::Semi);
    }
    let body = input.parse()?;
    match block(&body) {
        Some(block) => Ok(Body::Block(block)),
        None => Err(syn::Error::new_spanned(
            body,
            "expected the body of the function",
        )),
    }
}

/// Nothing, at a place.
struct Located(Span);

impl ToTokens for Located {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut group = Group::new(Delimiter::None, TokenStream::new());
        group.set_span(self.0);
        group.to_tokens(tokens);
    }
}

/// The block, in an invisible group if it is a `$body:block`.
fn block(token: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = token else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => block(&group.stream().into_iter().next()?),
        Delimiter::Parenthesis | Delimiter::Bracket => None,
    }
}
