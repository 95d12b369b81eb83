//! The `#[async_op]` attribute of the [`async-op`] crate, which re-exports and
//! documents it. Depend on that crate, not on this one.
//!
//! The stages run in this order, each reading only the one before:
//!
//! ```text
//! args, parse   the attribute and the function, as written
//! misplaced     what cannot be right where it stands, by the source around it
//! model         what they mean: form, signature, how each argument is stored
//! check         the mistakes that rustc would not explain well
//! expand        the initiating function, its twin, and the author's body
//! ```
//!
//! Every stage reports all the mistakes it sees. `repair` and `fallback` then
//! keep the function callable, so that one mistake is one error.
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
mod around;
mod attrs;
mod call;
mod cfg;
mod check;
mod completion;
mod display;
mod docs;
mod editor;
mod errors;
mod expand;
mod fallback;
mod form;
mod initiation;
mod inputs;
mod lifetimes;
mod manifest;
mod misplaced;
mod model;
mod names;
mod parse;
mod plain;
mod question;
mod reader;
mod repair;
mod signature;
mod spans;
mod stages;
#[cfg(test)]
mod tests;
mod types;

use proc_macro2::TokenStream;

// Its examples are compiled and run with those of the runtime, which they need.
#[cfg_attr(not(doctest), doc = include_str!("async_op.md"))]
#[proc_macro_attribute]
pub fn async_op(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let (args, item) = (TokenStream::from(args), TokenStream::from(item));
    let expansion = std::panic::catch_unwind(|| {
        let attribute = proc_macro::Span::call_site();
        let (line, column) = spans::line_and_column(attribute);
        let place = around::Place {
            file: spans::local_file(attribute),
            line,
            column,
            text: model::place(&spans::file(attribute), column),
            ..around::Place::default()
        };
        stages::expand(args.clone(), item.clone(), &place)
    });
    expansion
        .unwrap_or_else(|_| fallback::internal_error(&item))
        .into()
}
