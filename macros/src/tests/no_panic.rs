//! The macro never panics, whatever it is given, answers with a mistake or with
//! Rust, keeps the author's body, and does not take long.
//!
//! `ASYNC_OP_FUZZ_SECONDS=600 cargo test -p async-op-macros --release no_panic`
//! goes on for that long, from another seed each time.

use super::tokens;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use std::time::{Duration, Instant};

/// Arguments and items that the mutations start from.
const SEEDS: [(&str, &str); 10] = [
    (
        "executor = self.context.executor(), default = wait_for",
        "/// Waits.
        #[deprecated] pub(crate) fn async_wait<T: Clone + 'static>(
            &self, duration: Duration, mut value: T, op: Completion<fn(io::Result<()>, T)>,
        ) where T: Send { op.complete(Ok(()), value) }",
    ),
    (
        "completes = fn(a: u8, b: &'a [u8]), associated, cancellation = total",
        "async fn async_read<'a, const N: usize>(
            self: &Arc<Self>, buf: &'a mut [u8; N], f: impl Fn(&u8) -> u8 + Send, _: Label<'_>,
        ) -> (u8, &'a [u8]) { (f(&0), buf) }",
    ),
    (
        "crate = \"crate::rt\", default = false",
        "pub fn async_get(&mut self, key: &str) -> impl Initiation<(fn(), fn(Value))> + '_ {
            self.command(key)
        }",
    ),
    ("crate = r#in::rt", "async fn r#async_in(r#self_: &'static str, (a, b): (u8, ())) -> io::Result<&str> {}"),
    ("exectuor = x, executor, default = true", "fn async_move(op: Completion, #[cfg(a)] n: &dyn Key) -> impl Future<Output = ()> {}"),
    ("associated = 1", "const unsafe extern \"C\" fn async_(a: &mut T, op: Completion<for<'a> fn(&'a u8) -> u8>, ...) -> u8;"),
    ("provided", "async fn async_len<T: Send>(&self, name: &str, _: T) -> usize { self.async_get_body(name).await }"),
    ("default = get", "async fn async_get(self: &Arc<Self>, key: &'a str) -> usize;"),
    ("implements, executor = x", "fn async_read(&self, mut len: usize, op: Completion<fn(usize)>) { op.complete(len) }"),
    ("", "#[derive(Debug)] pub struct S<T> { field: Option<T> }"),
];

/// What mutations splice in.
const SPLICES: &str = "fn async self Self mut ref _ r#type 'a '_ & && < > :: -> => . .. ... , ; : = ! ? # $ + * \
    impl dyn for where const unsafe extern pub crate default struct trait Completion Initiation fn() \
    () [] {} (,) <> 1 1.5 \"text\" b\"bytes\" 'c' #[x] #![x]";

fn expand_without_panic(args: TokenStream, item: TokenStream) {
    let source = format!("#[async_op({args})] {item}");
    let was_rust = is_rust(&item);
    let body = body(&item);
    let start = Instant::now();
    let expansion = std::panic::catch_unwind(|| {
        crate::stages::expand(args, item, &crate::around::Place::default())
    });
    let elapsed = start.elapsed();
    let Ok(expansion) = expansion else {
        panic!("the macro panics on: {source}");
    };
    assert!(elapsed < LIMIT, "{elapsed:?} for: {source}");
    let text = expansion.to_string();
    assert!(text.contains(&body), "{source}\nloses its body in\n{text}");
    assert!(
        text.contains("compile_error") || is_rust(&expansion) || !was_rust,
        "{source}\nexpands to\n{text}"
    );
}

/// The longest that one function may take. Fifty times less is normal, but this
/// may be a busy machine, and a debug build.
const LIMIT: Duration = Duration::from_millis(250);

/// The tokens of the body, as they are printed: none if this is no function.
fn body(item: &TokenStream) -> String {
    let function = crate::parse::function(item.clone(), &mut crate::errors::Errors::default());
    match function.map(|function| function.body) {
        Some(crate::parse::Body::Block(body)) => body.stream().to_string(),
        _ => String::new(),
    }
}

/// Whether this is an item, or a method.
fn is_rust(item: &TokenStream) -> bool {
    let is_file = |tokens| syn::parse2::<syn::File>(tokens).is_ok();
    is_file(quote!(#item))
        || is_file(quote!(impl S { #item }))
        || is_file(quote!(trait S { #item }))
}

/// Not a test: prints what an expansion takes.
#[test]
#[ignore = "measures"]
fn how_long() {
    const ROUNDS: u32 = 200;
    let sound = SEEDS.iter().take(3);
    let sources: Vec<_> = sound
        .map(|(args, item)| (tokens(args), tokens(item)))
        .collect();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for (args, item) in &sources {
            crate::stages::expand(args.clone(), item.clone(), &crate::around::Place::default());
        }
    }
    println!("{:?} per function", start.elapsed() / (ROUNDS * 3));
}

#[test]
fn every_prefix() {
    for (args, item) in SEEDS {
        for args in prefixes(tokens(args)) {
            expand_without_panic(args, tokens(item));
        }
        for item in prefixes(tokens(item)) {
            expand_without_panic(tokens(args), item);
        }
    }
}

/// The tokens as if typed from left to right: each prefix, also inside of the
/// last group.
fn prefixes(tokens: TokenStream) -> Vec<TokenStream> {
    let mut prefixes = vec![TokenStream::new()];
    let mut typed = TokenStream::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            for inner in self::prefixes(group.stream()) {
                let group = Group::new(group.delimiter(), inner);
                prefixes.push(quote!(#typed #group));
            }
        }
        typed.extend([token]);
        prefixes.push(typed.clone());
    }
    prefixes
}

#[test]
fn mutations() {
    let splices: Vec<TokenTree> = tokens(SPLICES).into_iter().collect();
    rounds(20_000, |random| {
        let (args, item) = SEEDS[random.below(SEEDS.len())];
        let (mut args, mut item) = (tokens(args), tokens(item));
        for _ in 0..=random.below(3) {
            match random.below(4) {
                0 => args = mutate(args, &splices, random),
                _ => item = mutate(item, &splices, random),
            }
        }
        expand_without_panic(args, item);
    });
}

#[test]
fn random_trees() {
    let splices: Vec<TokenTree> = tokens(SPLICES).into_iter().collect();
    rounds(10_000, |random| {
        let args = tree(&splices, random, 2);
        let item = tree(&splices, random, 4);
        let name = tree(&splices, random, 0);
        expand_without_panic(args.clone(), item.clone());
        // Most of those are no function at all.
        let function = quote!(fn #name(#args, op: Completion<fn(#args)>) -> #args { #item });
        expand_without_panic(args, function);
    });
}

/// Up to eight random tokens, with groups `depth` deep.
fn tree(splices: &[TokenTree], random: &mut Random, depth: usize) -> TokenStream {
    let tokens = (0..random.below(8)).map(|_| {
        if depth > 0 && random.below(4) == 0 {
            let delimiter = [
                Delimiter::Parenthesis,
                Delimiter::Brace,
                Delimiter::Bracket,
                Delimiter::None,
            ][random.below(4)];
            Group::new(delimiter, tree(splices, random, depth - 1)).into()
        } else {
            splices[random.below(splices.len())].clone()
        }
    });
    tokens.collect()
}

/// Calls `round` as often, for two seconds at most; or for as long as the
/// environment says, from a seed that is printed if it fails.
fn rounds(most: usize, mut round: impl FnMut(&mut Random)) {
    let seconds = std::env::var("ASYNC_OP_FUZZ_SECONDS").ok();
    let seconds: Option<u64> = seconds.and_then(|seconds| seconds.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(2));
    let seed = match seconds {
        Some(_) => u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        None => 0x9e37_79b9_7f4a_7c15,
    };
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < time && (seconds.is_some() || rounds < most) {
        round(&mut random);
        rounds += 1;
    }
}

/// Deletes, duplicates, replaces or regroups one token, at any depth.
fn mutate(stream: TokenStream, splices: &[TokenTree], random: &mut Random) -> TokenStream {
    let mut tokens: Vec<TokenTree> = stream.into_iter().collect();
    if tokens.is_empty() {
        return TokenStream::from(splices[random.below(splices.len())].clone());
    }
    let at = random.below(tokens.len());
    if let TokenTree::Group(group) = &tokens[at] {
        if random.below(4) != 0 {
            let inner = mutate(group.stream(), splices, random);
            tokens[at] = Group::new(group.delimiter(), inner).into();
            return tokens.into_iter().collect();
        }
    }
    match random.below(6) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[at].clone()),
        2 => tokens.insert(at, splices[random.below(splices.len())].clone()),
        3 => tokens[at] = splices[random.below(splices.len())].clone(),
        4 => {
            let other = random.below(tokens.len());
            tokens.swap(at, other);
        }
        _ => {
            let delimiter = [Delimiter::None, Delimiter::Parenthesis][random.below(2)];
            tokens[at] = Group::new(delimiter, tokens[at].clone().into()).into();
        }
    }
    tokens.into_iter().collect()
}

/// Xorshift: the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
