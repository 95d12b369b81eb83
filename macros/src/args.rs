use crate::errors::Errors;
use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Expr, Ident, LitBool, LitStr, Path, Token, Type};

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Args {
    /// `executor = expr`
    pub(crate) executor: Option<Keyed<Expr>>,
    /// `completes = TYPE`
    pub(crate) completes: Option<Keyed<Type>>,
    /// `cancellation = terminal | partial | total`
    pub(crate) cancellation: Option<Keyed<Cancellation>>,
    /// `default = name | false`
    pub(crate) default: Option<Keyed<Default_>>,
    /// `default_token = TYPE`
    pub(crate) default_token: Option<Keyed<Type>>,
    /// `associated`
    pub(crate) associated: Option<Keyed<()>>,
    /// `provided`
    pub(crate) provided: Option<Keyed<()>>,
    /// `implements`
    pub(crate) implements: Option<Keyed<()>>,
    /// `crate = path`
    pub(crate) krate: Option<Keyed<Path>>,
}

/// A value, with the key that errors point at.
pub(crate) struct Keyed<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// The second door: the function that returns the operation not yet started.
pub(crate) enum Default_ {
    Named(Ident),
    Off,
}

/// The strongest guarantee that an operation gives when it is cancelled.
#[derive(Clone, Copy)]
pub(crate) enum Cancellation {
    Terminal,
    Partial,
    Total,
}

const KEYS: [(&str, &str); 9] = [
    ("executor", "`executor = expr`"),
    ("completes", "`completes = fn(A, B)`"),
    ("default", "`default = name`, or `default = false`"),
    ("default_token", "`default_token = T`"),
    ("cancellation", CANCELLATION),
    ("associated", "`associated`"),
    ("provided", "`provided`"),
    ("implements", "`implements`"),
    ("crate", "`crate = path`"),
];

const VALID: &str = "the arguments are `executor`, `completes`, `default`, `default_token`, \
                     `cancellation`, `associated`, `provided`, `implements` and `crate`";

const CANCELLATION: &str =
    "`cancellation = terminal`, `cancellation = partial` or `cancellation = total`";

const CANCELLATIONS: [(&str, Cancellation); 3] = [
    ("terminal", Cancellation::Terminal),
    ("partial", Cancellation::Partial),
    ("total", Cancellation::Total),
];

/// Reads the arguments, going on after each mistake at the next comma.
pub(crate) fn parse(tokens: TokenStream, cx: &mut Errors) -> Args {
    let mut args = Args::default();
    let parsed = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if parse_arg(input, &mut args, cx).is_none() {
                skip_to_comma(input);
            }
            if input.is_empty() {
                break;
            }
            if input.parse::<Token![,]>().is_err() {
                let rest = next_token(input);
                cx.error(rest, "expected `,`", "separate the arguments by commas");
                skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
        Ok(())
    };
    if let Err(error) = parsed.parse2(tokens) {
        cx.push(error);
    }
    args
}

/// One `key` or `key = value`. `None` after a mistake.
fn parse_arg(input: ParseStream<'_>, args: &mut Args, cx: &mut Errors) -> Option<()> {
    let Ok(key) = input.call(Ident::parse_any) else {
        cx.error(next_token(input), "expected `key = value`", VALID);
        return None;
    };
    match key.to_string().as_str() {
        "executor" => parse_value(input, key, &mut args.executor, cx),
        "completes" => parse_value(input, key, &mut args.completes, cx),
        "cancellation" => parse_cancellation(input, key, &mut args.cancellation, cx),
        "default" => parse_default(input, key, &mut args.default, cx),
        "default_token" => parse_value(input, key, &mut args.default_token, cx),
        "associated" => parse_flag(input, key, &mut args.associated, cx),
        "provided" => parse_flag(input, key, &mut args.provided, cx),
        "implements" => parse_flag(input, key, &mut args.implements, cx),
        "crate" => parse_crate(input, key, &mut args.krate, cx),
        "fn" => {
            cx.error(
                &key,
                "a completion signature is no argument by itself",
                "`completes = fn(A, B)`, in an `async fn`",
            );
            None
        }
        unknown => {
            let guess = did_you_mean(KEYS.iter().map(|(name, _)| *name), unknown);
            cx.error(
                &key,
                format_args!("unknown argument `{unknown}`{guess}"),
                VALID,
            );
            None
        }
    }
}

fn parse_value<T: Parse>(
    input: ParseStream<'_>,
    key: Ident,
    slot: &mut Option<Keyed<T>>,
    cx: &mut Errors,
) -> Option<()> {
    let usage = usage(&key);
    parse_equals(input, &key, cx)?;
    let value = value_tokens(input);
    match input.parse() {
        Ok(value) => fill(slot, key, value, cx),
        Err(_) => {
            cx.error(
                value,
                format_args!("this is not a value for `{key}`"),
                usage,
            );
            None
        }
    }
}

/// The `=` after `key`, with something behind it.
fn parse_equals(input: ParseStream<'_>, key: &Ident, cx: &mut Errors) -> Option<()> {
    let is_over = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
    if is_over(input) {
        cx.error(key, format_args!("`{key}` needs a value"), usage(key));
        return None;
    }
    let other = value_tokens(input);
    if input.peek(Token![==]) || input.parse::<Token![=]>().is_err() {
        cx.error(
            other.into_iter().next(),
            format_args!("expected `=` after `{key}`"),
            usage(key),
        );
        return None;
    }
    if is_over(input) {
        cx.error(key, format_args!("`{key}` needs a value"), usage(key));
        return None;
    }
    Some(())
}

/// What is left of the argument; does not consume it.
fn value_tokens(input: ParseStream<'_>) -> TokenStream {
    let ahead = input.fork();
    let mut tokens = TokenStream::new();
    while !ahead.is_empty() && !ahead.peek(Token![,]) {
        tokens.extend(ahead.parse::<TokenTree>());
    }
    tokens
}

/// `default = name`, or `default = false`.
fn parse_default(
    input: ParseStream<'_>,
    key: Ident,
    slot: &mut Option<Keyed<Default_>>,
    cx: &mut Errors,
) -> Option<()> {
    parse_equals(input, &key, cx)?;
    let value = value_tokens(input);
    if input.peek(Ident) {
        if let Ok(name) = input.parse() {
            return fill(slot, key, Default_::Named(name), cx);
        }
    }
    if input.peek(LitBool) {
        let lit: LitBool = input.parse().ok()?;
        if !lit.value {
            return fill(slot, key, Default_::Off, cx);
        }
        cx.error(
            lit,
            "the function without token is there by default",
            "remove this, or name the function: `default = name`",
        );
        return None;
    }
    let usage = usage(&key);
    if let Ok(lit) = input.fork().parse::<LitStr>() {
        cx.error(
            &lit,
            "the name is written without quotes",
            format_args!("`default = {}`", lit.value()),
        );
    } else if let Ok(keyword) = input.fork().call(Ident::parse_any) {
        cx.error(
            &keyword,
            format_args!("`{keyword}` is a keyword"),
            format_args!("another name, or `default = r#{keyword}`"),
        );
    } else {
        cx.error(value, "this is not a value for `default`", usage);
    }
    None
}

fn parse_flag(
    input: ParseStream<'_>,
    key: Ident,
    slot: &mut Option<Keyed<()>>,
    cx: &mut Errors,
) -> Option<()> {
    if !input.is_empty() && !input.peek(Token![,]) {
        let help = format!("write `{key}` alone");
        cx.error(
            next_token(input),
            format_args!("`{key}` takes no value"),
            help,
        );
        return None;
    }
    fill(slot, key, (), cx)
}

fn parse_cancellation(
    input: ParseStream<'_>,
    key: Ident,
    slot: &mut Option<Keyed<Cancellation>>,
    cx: &mut Errors,
) -> Option<()> {
    let mut name: Option<Keyed<Ident>> = None;
    parse_value(input, key, &mut name, cx)?;
    let Keyed { key, value: name } = name?;
    match CANCELLATIONS.iter().find(|(known, _)| name == known) {
        Some((_, value)) => fill(slot, key, *value, cx),
        None => {
            let known = CANCELLATIONS.iter().map(|(known, _)| *known);
            let guess = did_you_mean(known, &name.to_string().to_lowercase());
            cx.error(
                &name,
                format_args!("unknown type of cancellation `{name}`{guess}"),
                CANCELLATION,
            );
            None
        }
    }
}

/// `crate = path`, or `crate = "path"` as in other macros.
fn parse_crate(
    input: ParseStream<'_>,
    key: Ident,
    slot: &mut Option<Keyed<Path>>,
    cx: &mut Errors,
) -> Option<()> {
    struct CratePath(Path);

    impl Parse for CratePath {
        fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
            if input.peek(LitStr) {
                input
                    .parse::<LitStr>()?
                    .parse_with(Path::parse_mod_style)
                    .map(Self)
            } else {
                input.call(Path::parse_mod_style).map(Self)
            }
        }
    }

    let mut path = None;
    parse_value(input, key, &mut path, cx)?;
    let Keyed {
        key,
        value: CratePath(path),
    } = path?;
    fill(slot, key, path, cx)
}

fn fill<T>(slot: &mut Option<Keyed<T>>, key: Ident, value: T, cx: &mut Errors) -> Option<()> {
    if slot.is_some() {
        cx.error(
            &key,
            format_args!("`{key}` is given twice"),
            "remove one of them",
        );
    } else {
        *slot = Some(Keyed { key, value });
    }
    Some(())
}

fn usage(key: &Ident) -> &'static str {
    KEYS.iter()
        .find(|(name, _)| key == name)
        .map_or("`key = value`", |(_, usage)| usage)
}

/// The token an error points at; does not consume it.
fn next_token(input: ParseStream<'_>) -> Option<TokenTree> {
    input.fork().parse().ok()
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

fn did_you_mean(known: impl IntoIterator<Item = &'static str>, unknown: &str) -> String {
    let guess = known.into_iter().find(|name| distance(name, unknown) <= 2);
    guess.map_or(String::new(), |name| format!(", did you mean `{name}`?"))
}

/// How many letters to insert, remove or change to get from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            left = (diagonal + usize::from(x != *y))
                .min(left + 1)
                .min(*cell + 1);
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or(0)
}
