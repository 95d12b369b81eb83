//! What the initiating function does: it makes the operation, and gives it to
//! the token.

use crate::args::Cancellation;
use crate::call;
use crate::form::Form;
use crate::inputs::{self, Input, Stored};
use crate::model::{Executor, Operation};
use crate::spans::at;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned, ToTokens as _};
use syn::ext::IdentExt as _;
use syn::{Type, TypePath};

/// The statements that make the operation.
pub(crate) fn of(op: &Operation) -> TokenStream {
    let Operation {
        runtime, signature, ..
    } = op;
    let body = call::path(op, op.body_name.clone(), false);
    let arguments: Vec<_> = op.inputs.iter().map(argument).collect();
    let span = op.span;
    let (meta, copies) = (meta(op), copies(op));
    let (statement, executor) = executor(op);
    let operation = match op.form {
        Form::Async => {
            let future = future(op, quote!(#body(#(#arguments),*)));
            quote_spanned!(span=> #runtime::from_future::<#signature, _, _>(meta, #executor, #future))
        }
        _ => {
            let op_name = quote_spanned!(span=> op);
            let start = quote_spanned!(at(op.sig.ident.span())=> move |#op_name|);
            quote_spanned! {span=>
                #runtime::from_fn::<#signature, _, _>(
                    meta,
                    #executor,
                    #start #body(#(#arguments,)* #op_name),
                )
            }
        }
    };
    quote_spanned! {span=>
        #meta
        #statement
        #copies
        #operation
    }
}

/// The same, where it is the body that makes the operation.
pub(crate) fn of_body(op: &Operation) -> TokenStream {
    let body = call::path(op, op.body_name.clone(), false);
    let names = op.inputs.iter().map(|input| &input.name);
    quote_spanned!(op.span=> #body(#(#names),*))
}

/// The same, for an operation that never completes.
pub(crate) fn inert(op: &Operation) -> TokenStream {
    let Operation {
        runtime, signature, ..
    } = op;
    let meta = meta(op);
    let names = op.inputs.iter().map(|input| &input.name);
    let executor = match &op.executor {
        Executor::Given(executor) => Some(quote!(let _ = || #executor;)),
        _ => None,
    };
    quote_spanned! {op.span=>
        let _ = (#(&#names,)*);
        #executor
        #meta
        #runtime::from_future::<#signature, _, _>(
            meta,
            #runtime::SystemExecutor,
            #runtime::core::future::pending(),
        )
    }
}

/// The future of the body; it borrows the copies, if there are any.
fn future(op: &Operation, call: TokenStream) -> TokenStream {
    if op.inputs.iter().any(|input| input.stored == Stored::Copied) {
        let awaited = quote_spanned!(op.span=> #call.await);
        quote_spanned!(at(op.sig.ident.span())=> async move { #awaited })
    } else {
        call
    }
}

/// In a block of its own, lest the author's nested body see the name.
fn meta(op: &Operation) -> TokenStream {
    let Operation { runtime, .. } = op;
    let name = op.sig.ident.unraw().to_string();
    let names = |stored| {
        let inputs = op.inputs.iter().filter(move |input| input.stored == stored);
        inputs
            .map(|input| input.name.unraw().to_string())
            .collect::<Vec<_>>()
    };
    let (copied, borrowed) = (names(Stored::Copied), names(Stored::Borrowed));
    let span = op.span;
    let cancellation = op.cancellation.map(|cancellation| {
        let honoured = match cancellation {
            Cancellation::Terminal => quote_spanned!(span=> TERMINAL),
            Cancellation::Partial => quote_spanned!(span=> PARTIAL),
            Cancellation::Total => quote_spanned!(span=> TOTAL),
        };
        quote_spanned!(span=> .with_cancellation(#runtime::CancellationType::#honoured))
    });
    quote_spanned! {span=>
        let meta = {
            const META: #runtime::Meta =
                #runtime::Meta::new(#name, &[#(#copied),*], &[#(#borrowed),*])#cancellation;
            &META
        };
    }
}

/// The statement that makes the executor, if there is one, and the expression
/// for it. The author's own is the argument: what is none is underlined there.
fn executor(op: &Operation) -> (Option<TokenStream>, TokenStream) {
    let Operation { runtime, .. } = op;
    let span = op.span;
    match (&op.executor, op.inputs.first()) {
        (Executor::Given(executor), _) => (None, executor.clone()),
        (Executor::OfFirst, Some(first)) => {
            let executor = executor_of(op, first);
            let statement = quote_spanned!(span=> let executor = #executor;);
            (Some(statement), quote_spanned!(span=> executor))
        }
        (Executor::OfFirst | Executor::System, _) => {
            (None, quote_spanned!(span=> #runtime::SystemExecutor))
        }
    }
}

/// Method lookup finds the object behind a smart pointer. A reference goes
/// first, or what has no executor would be the reference.
fn executor_of(op: &Operation, first: &Input) -> TokenStream {
    let Operation { runtime, .. } = op;
    let name = &first.name;
    let span = at(name.span());
    let object = match inputs::is_reference(&first.declared) {
        true => quote_spanned!(span=> (*#name)),
        false => name.to_token_stream(),
    };
    quote_spanned! {span=>
        {
            use #runtime::ExecutorOf as _;
            #object.executor_of()
        }
    }
}

fn copies(op: &Operation) -> TokenStream {
    let Operation { runtime, .. } = op;
    let copied = op
        .inputs
        .iter()
        .filter(|input| input.stored == Stored::Copied);
    let copies = copied.map(|input| {
        let name = &input.name;
        let copy = copy_name(input);
        let span = at(name.span());
        let copy_of = match inputs::referent(&input.declared) {
            Some(Type::Slice(_)) => "copy_of_slice",
            Some(Type::Path(path)) if is_context(path) => "copy_of_context",
            _ => "copy_of",
        };
        let copy_of = Ident::new(copy_of, span);
        quote_spanned!(span=> let #copy = #runtime::#copy_of(#name);)
    });
    quote!(#(#copies)*)
}

/// What is no handle, and mostly meant to be: the message tells.
fn is_context(path: &TypePath) -> bool {
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "IoContext")
}

/// The name of the copy: hygienic, and none of those that the statements use.
fn copy_name(input: &Input) -> Ident {
    let name = format!("copy_of_{}", input.name.unraw());
    Ident::new(&name, at(input.name.span()))
}

/// What the body is given.
fn argument(input: &Input) -> TokenStream {
    match input.stored {
        Stored::Copied => {
            let copy = copy_name(input);
            quote_spanned!(copy.span()=> &#copy)
        }
        Stored::Borrowed | Stored::Moved => input.name.to_token_stream(),
    }
}
