//! The first line are the arguments of the attribute, the rest is the item. A
//! finding is a panic, or a body that is lost.

#![no_main]
#![allow(dead_code, reason = "what only the attribute itself calls")]

#[path = "../../src/args.rs"]
mod args;
#[path = "../../src/around.rs"]
mod around;
#[path = "../../src/attrs.rs"]
mod attrs;
#[path = "../../src/cfg.rs"]
mod cfg;
#[path = "../../src/check.rs"]
mod check;
#[path = "../../src/completion.rs"]
mod completion;
#[path = "../../src/docs.rs"]
mod docs;
#[path = "../../src/errors.rs"]
mod errors;
#[path = "../../src/expand.rs"]
mod expand;
#[path = "../../src/fallback.rs"]
mod fallback;
#[path = "../../src/initiation.rs"]
mod initiation;
#[path = "../../src/inputs.rs"]
mod inputs;
#[path = "../../src/lifetimes.rs"]
mod lifetimes;
#[path = "../../src/misplaced.rs"]
mod misplaced;
#[path = "../../src/model.rs"]
mod model;
#[path = "../../src/parse.rs"]
mod parse;
#[path = "../../src/plain.rs"]
mod plain;
#[path = "../../src/question.rs"]
mod question;
#[path = "../../src/repair.rs"]
mod repair;
#[path = "../../src/signature.rs"]
mod signature;
#[path = "../../src/stages.rs"]
mod stages;

use libfuzzer_sys::fuzz_target;
use proc_macro2::TokenStream;

fuzz_target!(|source: &str| {
    let (args, item) = source.split_once('\n').unwrap_or(("", source));
    let (Ok(args), Ok(item)) = (args.parse::<TokenStream>(), item.parse::<TokenStream>()) else {
        return;
    };
    let function = parse::function(item.clone(), &mut errors::Errors::default());
    let expansion = stages::expand(args, item, &around::Place::default()).to_string();
    if let Some(parse::Body::Block(body)) = function.map(|function| function.body) {
        assert!(expansion.contains(&body.stream().to_string()));
    }
});
