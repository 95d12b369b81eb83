//! What an editor is told, and a compiler is not.

use proc_macro2::TokenStream;
use quote::quote;
use std::env;
use std::sync::OnceLock;

/// For a function that nobody shall be offered. In the crate that defines them,
/// rust-analyzer offers functions that are hidden, but none that is unstable; rustc knows
/// that attribute in its own crates alone.
pub(crate) fn not_offered() -> Option<TokenStream> {
    is_expanding().then(|| quote!(#[unstable]))
}

/// Whether it is an editor that runs this macro.
fn is_expanding() -> bool {
    static IS_EXPANDING: OnceLock<bool> = OnceLock::new();
    *IS_EXPANDING.get_or_init(|| {
        let program = env::current_exe();
        program.is_ok_and(|it| {
            let name = it.file_stem().unwrap_or_default();
            name.to_string_lossy().starts_with("rust-analyzer")
        })
    })
}
