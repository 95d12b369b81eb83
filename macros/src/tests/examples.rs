//! Each example has a twin, what the macro makes of it, for reading. The twins
//! are examples too, so they compile.

use super::expand;
use expect_test::{expect_file, ExpectFile};
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use syn::{Attribute, File, ImplItem, Item};

#[test]
fn twins() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    if !directory.exists() {
        return eprintln!("skipped: no examples in the published package");
    }
    for name in ["handler_form", "async_form"] {
        let source = fs::read_to_string(directory.join(format!("{name}.rs")));
        let twin = directory.join(format!("{name}-expanded.rs"));
        check(name, &source.expect("an example"), &expect_file![twin]);
    }
}

fn check(name: &str, source: &str, expected: &ExpectFile) {
    let file: File = syn::parse_str(source).expect("an example");
    let items = file.items.into_iter().flat_map(expanded_item);
    let items: Vec<_> = items.map(print).collect();
    let (items, names) = readable(&items.join("\n"));
    let twin = format!(
        "//! What the macro makes of `{name}.rs`. A test keeps it so; it is here for\n\
         //! reading.\n\n\
         #![allow(clippy::all, reason = \"lints leave alone what macros write\")]\n\n\
         use async_op::expansion::{{{names}}};\n{items}"
    );
    if let Some(twin) = formatted(&twin) {
        expected.assert_eq(&twin);
    }
}

fn print(item: Item) -> String {
    prettyplease::unparse(&File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items: vec![item],
    })
}

/// `None` where there is no rustfmt.
fn formatted(code: &str) -> Option<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2021"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    rustfmt.stdin.take()?.write_all(code.as_bytes()).ok()?;
    let output = rustfmt.wait_with_output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn expanded_item(mut item: Item) -> Vec<Item> {
    match &mut item {
        Item::Fn(function) => {
            let Some(args) = take_args(&mut function.attrs) else {
                return vec![item];
            };
            let expansion = expand(&args, &function.to_token_stream().to_string());
            syn::parse2::<File>(expansion).expect("items").items
        }
        Item::Impl(block) => {
            let members = std::mem::take(&mut block.items);
            block.items = members.into_iter().flat_map(expanded_member).collect();
            vec![item]
        }
        _ => vec![item],
    }
}

fn expanded_member(mut member: ImplItem) -> Vec<ImplItem> {
    let ImplItem::Fn(function) = &mut member else {
        return vec![member];
    };
    let Some(args) = take_args(&mut function.attrs) else {
        return vec![member];
    };
    let expansion = expand(&args, &function.to_token_stream().to_string());
    let block: syn::ItemImpl = syn::parse2(quote!(impl S { #expansion })).expect("members");
    block.items
}

/// The arguments of our attribute, which is removed.
fn take_args(attrs: &mut Vec<Attribute>) -> Option<String> {
    let at = attrs
        .iter()
        .position(|attr| attr.path().is_ident("async_op"))?;
    let attr = attrs.remove(at);
    let args = attr.parse_args::<TokenStream>().unwrap_or_default();
    Some(args.to_string())
}

/// The code without the paths of our names, and those names; without our
/// attribute, and those that are there for lints.
fn readable(code: &str) -> (String, String) {
    const PREFIX: &str = "::async_op::expansion::";
    let code = code.replace(&format!("{PREFIX}core::marker::"), "");
    let mut names: Vec<&str> = code
        .split(PREFIX)
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let names = names.join(", ");
    let code = code.replace(PREFIX, "").replace("{async_op, ", "{");
    let is_read = |line: &&str| {
        let of_lints = ["clippy::too_many_arguments", "impl_trait_overcaptures"];
        let line = line.trim_start();
        !of_lints
            .iter()
            .any(|it| line.starts_with(&format!("#[allow({it}")))
    };
    let lines = code.lines().filter(is_read).map(|line| format!("{line}\n"));
    let code: String = lines.collect();
    let code = code
        .replace("}\n    ///", "}\n\n    ///")
        .replace("}\n    #[doc(hidden)]", "}\n\n    #[doc(hidden)]");
    (code, names)
}
