//! What the macro adds to the documentation.

use crate::args::Cancellation;
use crate::display::display;
use crate::form::Form;
use crate::inputs::Stored;
use crate::lifetimes;
use crate::model::{Operation, Role};
use crate::types::{self, ungroup};
use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta, Type};

/// The author's documentation, but for the sections, and those.
pub(crate) fn summary_and_sections(docs: &[Attribute]) -> (&[Attribute], &[Attribute]) {
    let mut is_code = false;
    let first = docs.iter().position(|attr| {
        let lines = text(std::slice::from_ref(attr));
        lines.iter().map(|line| line.trim()).any(|line| {
            is_code ^= line.starts_with("```");
            !is_code && line.starts_with("# ")
        })
    });
    docs.split_at(first.unwrap_or(docs.len()))
}

/// The sections that the author did not write, line by line.
pub(crate) fn sections(op: &Operation) -> Vec<String> {
    let written = text(&op.attrs.docs);
    let mut lines = Vec::new();
    for (heading, section) in [
        ("# How to call it", calling_section(op)),
        ("# Completion", completion_section(op)),
        ("# Cancellation", cancellation_section(op)),
        ("# Implementing", implementing_section(op)),
    ] {
        if section.is_empty() || written.iter().any(|line| line.trim() == heading) {
            continue;
        }
        if !written.is_empty() || !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!(" {heading}"));
        lines.push(String::new());
        lines.extend(section);
    }
    lines
}

/// Which requests to cancel an `async fn` lets in. The other forms decide that
/// in their bodies.
fn cancellation_section(op: &Operation) -> Vec<String> {
    if op.form != Form::Async {
        return Vec::new();
    }
    let honoured = match op.cancellation {
        None | Some(Cancellation::Terminal) => "terminal",
        Some(Cancellation::Partial) => "terminal and partial",
        Some(Cancellation::Total) => "terminal, partial and total",
    };
    vec![format!(
        " Honours {honoured} requests: the operations that it awaits are asked to stop."
    )]
}

/// What rustc does not say to whoever implements the trait without the attribute.
fn implementing_section(op: &Operation) -> Vec<String> {
    if op.role != Role::Declared {
        return Vec::new();
    }
    let section = match op.body {
        None => " A type writes the body alone, under `#[async_op(implements)]`.",
        Some(_) => " A type may write another body, under `#[async_op(implements)]`.",
    };
    vec![section.to_owned()]
}

/// What the best known tokens make of it, in words of those who know no tokens.
fn calling_section(op: &Operation) -> Vec<String> {
    if types::is_never(&op.sig) {
        return Vec::new();
    }
    let name = op.sig.ident.unraw();
    let result = result(&op.signature).unwrap_or_else(|| "the result".to_owned());
    let mut lines = vec![
        " The last argument says how the result arrives:".to_owned(),
        String::new(),
        format!(
            " - {}: returns a future of {result}, which you `.await`",
            link(op, "UseFuture")
        ),
        format!(" - {}: waits, and returns {result}", link(op, "Blocking")),
    ];
    if let Some(params) = closure_params(&op.signature) {
        let borrowed = match names(op, Stored::Borrowed).as_str() {
            "" => String::new(),
            names => format!(", if {names} is borrowed for `'static`"),
        };
        lines.push(format!(
            " - a closure: is called with it, `|{params}| ..`{borrowed}"
        ));
    }
    if !matches!(ungroup(&op.signature), Type::FnPtr(_)) {
        lines.push(" - a closure: is called with it".to_owned());
    }
    if let (Some(twin), None) = (&op.twin, &op.default_token) {
        let target = target(op, twin);
        let twin = twin.unraw();
        lines.push(String::new());
        lines.push(format!(
            " [`{twin}`]{target} leaves that open: \
             `{twin}(..).await` is the same as `{name}(.., UseFuture).await`."
        ));
    }
    lines
}

/// What a future of the operation resolves to: nothing, a type, or a tuple.
fn result(signature: &Type) -> Option<String> {
    let Type::FnPtr(signature) = ungroup(signature) else {
        return None;
    };
    let types: Vec<_> = signature.inputs.iter().map(|input| &input.ty).collect();
    Some(match &types[..] {
        [] => "`()`".to_owned(),
        [only] => format!("`{}`", display(only)),
        types => format!(
            "`({})`",
            types.iter().map(display).collect::<Vec<_>>().join(", ")
        ),
    })
}

/// A link to what the runtime has, wherever it is found.
fn link(op: &Operation, name: &str) -> String {
    let runtime = display(&op.runtime);
    let runtime = runtime.trim_start_matches(':');
    format!("[`{name}`]({runtime}::{name})")
}

/// Where the documentation of a function of the operation is: there are macros named
/// like functions.
fn target(op: &Operation, name: &Ident) -> String {
    let scope = if op.associated { "Self::" } else { "fn@" };
    format!("({scope}{})", name.unraw())
}

fn completion_section(op: &Operation) -> Vec<String> {
    if types::is_never(&op.sig) {
        return vec![format!(" Never completes.{}", storage(op))];
    }
    vec![format!(
        " Completes with `{}`.{}",
        display(&op.signature),
        storage(op)
    )]
}

/// ` Copies `a` and `b`; borrows `c` until then.`
fn storage(op: &Operation) -> String {
    match (
        names(op, Stored::Copied).as_str(),
        names(op, Stored::Borrowed).as_str(),
    ) {
        ("", "") => String::new(),
        (copied, "") => format!(" Copies {copied}."),
        ("", borrowed) => format!(" Borrows {borrowed} until then."),
        (copied, borrowed) => format!(" Copies {copied}; borrows {borrowed} until then."),
    }
}

/// ``a`, `b``, which are stored so.
fn names(op: &Operation, stored: Stored) -> String {
    let inputs = op.inputs.iter().filter(|input| input.stored == stored);
    let names: Vec<_> = inputs.map(|input| format!("`{}`", input.name)).collect();
    names.join(", ")
}

/// The parameters of a completion handler, typed, because a closure passed as
/// a token does not infer them. `None` if no closure can be one.
fn closure_params(signature: &Type) -> Option<String> {
    let Type::FnPtr(signature) = ungroup(signature) else {
        return None;
    };
    let types = signature.inputs.iter().map(|input| &input.ty);
    let is_borrowed = |ty: &Type| lifetimes::named(ty).iter().any(|it| it.ident != "static");
    if types.clone().any(is_borrowed) {
        return None;
    }
    let is_single = types.len() == 1;
    let params = signature
        .inputs
        .iter()
        .zip('a'..='z')
        .map(|(input, letter)| {
            let name = match &input.name {
                Some((name, _)) => name.to_string(),
                None if is_result(&input.ty) => "result".to_owned(),
                None if is_single => "value".to_owned(),
                None => letter.to_string(),
            };
            format!("{name}: {}", display(&input.ty))
        });
    Some(params.collect::<Vec<_>>().join(", "))
}

fn is_result(ty: &Type) -> bool {
    match ungroup(ty) {
        Type::Path(ty) => ty
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Result"),
        _ => false,
    }
}

/// The documentation of the second door: the author's summary, and what this
/// door is.
pub(crate) fn twin_section(op: &Operation) -> Vec<String> {
    let text = text(&op.attrs.docs);
    let is_text = |line: &&String| !line.trim().is_empty();
    let summary = text
        .iter()
        .skip_while(|line| !is_text(line))
        .take_while(is_text);
    let mut lines: Vec<_> = summary.cloned().collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let name = op.sig.ident.unraw();
    let target = target(op, &name);
    match &op.default_token {
        None => {
            let callback = match closure_params(&op.signature) {
                Some(_) => "give it a `.callback(..)`",
                None => "pass a token to it, `.with(..)`",
            };
            lines.push(format!(
                " The operation of [`{name}`]{target}, not yet started: `.await` it, wait for it \
                 with `.blocking()`, or {callback}. See {}.",
                link(op, "Operation")
            ));
        }
        Some(token) => lines.push(format!(
            " As [`{name}`]{target}, with `{}`.",
            display(token)
        )),
    }
    lines
}

/// Whether there is nothing on the last line.
pub(crate) fn ends_blank(docs: &[Attribute]) -> bool {
    text(docs).last().is_some_and(|line| line.trim().is_empty())
}

/// The lines of `#[doc = ".."]` attributes.
fn text(docs: &[Attribute]) -> Vec<String> {
    let literals = docs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(meta) => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    literals
        .flat_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
