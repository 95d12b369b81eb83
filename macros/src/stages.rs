//! The whole macro, without `proc_macro`: for tests, and for fuzzing.

use crate::around::Place;
use crate::errors::Errors;
use crate::{
    args, cfg, check, expand, fallback, misplaced, model, names, parse, repair, signature,
};
use proc_macro2::TokenStream;

/// Expands `#[async_op(args)] item`, which stands at `place`.
pub(crate) fn expand(args: TokenStream, item: TokenStream, place: &Place) -> TokenStream {
    let mut cx = Errors::default();
    let names = names::Names::new(&args, &item, &place.text);
    let given = args.clone();
    let mut args = args::parse(args, &mut cx);
    if !cx.is_empty() && place.is_key_value() {
        cx = Errors::default();
    }
    let Some(mut function) = parse::function(item.clone(), &mut cx) else {
        return fallback::unparsed(&item, cx);
    };
    if signature::is_rewritten(&function.sig) {
        return fallback::rewritten(&item, &function, cx);
    }
    if let Some(functions) = cfg::split(&given, &args, &function) {
        return functions;
    }
    check::function(&args, &function, &mut cx);
    if let Some(functions) = misplaced::check(&mut args, &mut function, place, &mut cx) {
        return functions;
    }
    let mut op = model::operation(&args, &function, &names, &mut cx);
    if let Some(op) = &mut op {
        if op.associated && op.role == model::Role::Own {
            op.self_type = place.self_type();
        }
        check::signature(op, &mut cx);
        check::operation(&args, op, &mut cx);
        if cx.is_empty() {
            return expand::operation(op);
        }
    }
    let is_checked = op.is_some();
    repair::args(&mut args);
    repair::function(&mut function);
    let mut unheard = Errors::default();
    match model::operation(&args, &function, &names, &mut unheard) {
        Some(op) if check::signature(&op, &mut unheard) => {
            if !is_checked {
                check::operation(&args, &op, &mut cx);
            }
            fallback::unchecked(&op, cx)
        }
        _ => fallback::unusable(&args, &function, &names, cx),
    }
}
