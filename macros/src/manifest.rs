//! What the manifest of the package says of this crate, to word an error: nothing that
//! compiles depends on it.

use std::env;
use std::fs;
use std::path::Path;

/// Whether the package surely knows no crate of the name `async_op`: it is not that crate,
/// and depends on none.
pub(crate) fn is_without_runtime() -> bool {
    let directory = env::var_os("CARGO_MANIFEST_DIR");
    let manifest = directory.map(|it| fs::read_to_string(Path::new(&it).join("Cargo.toml")));
    matches!(manifest, Some(Ok(manifest)) if !mentions_runtime(&manifest))
}

fn mentions_runtime(manifest: &str) -> bool {
    let is_name = |name: &str| {
        let name = name.trim().trim_matches(['"', '\'']);
        name == "async-op" || name == "async_op"
    };
    manifest
        .lines()
        .any(|line| match line.trim_start().strip_prefix('[') {
            // `[dependencies.async-op]`
            Some(header) => header.split(['.', ']']).any(is_name),
            None => match line.split_once('=') {
                // `async-op = ..`, `async-op.workspace = ..`, `name = "async-op"`
                Some((key, value)) => {
                    key.split('.').next().is_some_and(is_name)
                        || key.trim() == "name" && is_name(value)
                }
                None => false,
            },
        })
}

#[cfg(test)]
mod tests {
    use super::mentions_runtime;

    #[test]
    fn names() {
        for manifest in [
            "[dependencies]\nasync-op = \"1\"",
            "[dev-dependencies]\n  async_op.workspace = true",
            "[target.'cfg(unix)'.dependencies]\n\"async-op\" = { path = \"..\" }",
            "[dependencies.async-op]\npath = \"..\"",
            "[package]\nname = \"async-op\"",
            "[lib]\nname=\"async_op\"",
        ] {
            assert!(mentions_runtime(manifest), "{manifest}");
        }
        for manifest in [
            "[dependencies]\nfoo = { package = \"async-op\", version = \"1\" }",
            "[dependencies.foo]\npackage = \"async-op\"",
            "[dependencies]\nfoo.package = \"async-op\"",
            "[package]\nname = \"bar\"\n[dependencies]\nasync-op-macros = \"1\"",
        ] {
            assert!(!mentions_runtime(manifest), "{manifest}");
        }
    }
}
