//! The macro in-process: what it expands to, what it says of mistakes, and that
//! it never panics.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod errors;
mod examples;
mod expansions;
mod no_panic;

use proc_macro2::TokenStream;

fn tokens(source: &str) -> TokenStream {
    source
        .parse()
        .unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// Expands `#[async_op(args)] item`.
fn expand(args: &str, item: &str) -> TokenStream {
    crate::stages::expand(tokens(args), tokens(item), &crate::around::Place::default())
}
