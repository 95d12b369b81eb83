//! The `#[async_op]` attribute of the [`async-op`] crate, which re-exports and
//! documents it. Depend on that crate, not on this one.
//!
//! The stages run in this order, each reading only the one before:
//!
//! ```text
//! args, parse   the attribute and the function, as written
//! model         what they mean: form, signature, how each argument is stored
//! check         the mistakes that rustc would not explain well
//! expand        the initiating function, its twin, and the author's body
//! ```
//!
//! Every stage reports all the mistakes it sees. `fallback` then keeps the
//! function callable, so that one mistake is one error.
//!
//! [`async-op`]: https://docs.rs/async-op

#![forbid(unsafe_code)]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod args;
mod attrs;
mod check;
mod docs;
mod errors;
mod expand;
mod fallback;
mod inputs;
mod lifetimes;
mod model;
mod parse;
mod signature;
#[cfg(test)]
mod tests;

use errors::Errors;
use proc_macro2::TokenStream;

/// Turns a function into an asynchronous operation that accepts any
/// completion token. Documented in the `async-op` crate.
#[proc_macro_attribute]
pub fn async_op(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let (args, item) = (TokenStream::from(args), TokenStream::from(item));
    let expansion = std::panic::catch_unwind(|| expand(args.clone(), item.clone()));
    expansion
        .unwrap_or_else(|_| fallback::internal_error(&item))
        .into()
}

/// The whole macro, without `proc_macro`, so that unit tests can call it.
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut cx = Errors::default();
    let names = model::Names::new(&args, &item);
    let args = args::parse(args, &mut cx);
    let Some(function) = parse::function(item.clone(), &mut cx) else {
        return fallback::unparsed(&item, cx);
    };
    let Some(op) = model::operation(&args, &function, &names, &mut cx) else {
        return fallback::unusable(&args, &function, cx);
    };
    let stands = check::signature(&op, &mut cx);
    check::operation(&args, &function, &op, &mut cx);
    match cx.len() {
        0 => expand::operation(&op),
        _ if stands => fallback::unchecked(&op, cx),
        _ => fallback::unusable(&args, &function, cx),
    }
}
