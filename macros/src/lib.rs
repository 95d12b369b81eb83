//! The `#[async_op]` attribute.
use proc_macro::TokenStream;

/// Placeholder.
#[proc_macro_attribute]
pub fn async_op(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
