use crate::errors::Errors;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Ident, Signature, Token, Visibility};

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
            cx.push(error);
            None
        }
    }
}

fn parse_function(input: ParseStream<'_>, cx: &mut Errors) -> syn::Result<Option<Function>> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    if let Some(keyword) = other_item(input) {
        let article = match keyword.to_string().as_str() {
            "enum" | "impl" => "an",
            _ => "a",
        };
        cx.error(
            &keyword,
            format_args!("`#[async_op]` applies to functions, not to {article} `{keyword}`"),
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

/// The keyword, if what follows is an item other than a function.
fn other_item(input: ParseStream<'_>) -> Option<Ident> {
    const OTHERS: [&str; 10] = [
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
    ];
    let ahead = input.fork();
    let keyword = ahead.call(Ident::parse_any).ok()?;
    let name = keyword.to_string();
    let is_other = OTHERS.contains(&name.as_str())
        || name == "const" && (ahead.peek(Ident) || ahead.peek(Token![_]));
    is_other.then_some(keyword)
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
