//! What the macro says of mistakes, and what it underlines.

use super::tokens;
use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

/// Asserts that expanding `#[async_op(args)] item` reports exactly the given
/// mistakes, as underlined text and message.
#[track_caller]
fn check(args: &str, item: &str, expected: &[(&str, &str)]) {
    // One parse, so that all spans are in one source.
    let source = format!("({args}) {item}");
    let mut source = tokens(&source).into_iter();
    let Some(TokenTree::Group(args)) = source.next() else {
        panic!("not arguments")
    };
    let expansion = crate::stages::expand(
        args.stream(),
        source.collect(),
        &crate::around::Place::default(),
    );
    let reported = errors(expansion);
    let reported: Vec<_> = reported
        .iter()
        .map(|(text, message)| (&**text, &**message))
        .collect();
    assert_eq!(reported, expected);
}

fn expand_in_one_source(args: &str, item: &str) -> TokenStream {
    let mut source = tokens(&format!("({args}) {item}")).into_iter();
    let Some(TokenTree::Group(args)) = source.next() else {
        panic!("not arguments")
    };
    crate::stages::expand(
        args.stream(),
        source.collect(),
        &crate::around::Place::default(),
    )
}

/// The underlined text and message of each `compile_error!`; like rustc, one
/// of those that are the same.
fn errors(expansion: TokenStream) -> Vec<(String, String)> {
    let mut distinct = Vec::new();
    for error in all_errors(expansion) {
        if !distinct.contains(&error) {
            distinct.push(error);
        }
    }
    distinct
        .into_iter()
        .map(|(_, text, message)| (text, message))
        .collect()
}

/// With the place where each is underlined.
fn all_errors(expansion: TokenStream) -> Vec<(LineColumn, String, String)> {
    let mut errors = Vec::new();
    let mut previous = None;
    let mut tokens = expansion.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Ident(start), Some(TokenTree::Punct(_))) if start == "compile_error" => {
                previous = Some(start.span());
            }
            (TokenTree::Group(group), _) if group.delimiter() == Delimiter::Brace => {
                if let Some(start) = previous.take() {
                    let span = start.join(group.span()).expect("one source");
                    let message = syn::parse2::<syn::LitStr>(group.stream()).expect("a message");
                    let text = span.source_text().expect("a source");
                    errors.push((span.start(), text, message.value()));
                } else {
                    errors.extend(all_errors(group.stream()));
                }
            }
            _ => {}
        }
    }
    errors
}

const VALID: &str = "the arguments are `executor`, `completes`, `default`, `default_token`, \
                     `cancellation`, `associated`, `provided`, `implements` and `crate`";

/// Asserts one mistake in an item without arguments.
#[track_caller]
fn check_item(item: &str, text: &str, headline: &str, help: &str) {
    check("", item, &[(text, &format!("{headline}\nhelp: {help}"))]);
}

/// Asserts one mistake in the arguments.
#[track_caller]
fn check_args(args: &str, text: &str, headline: &str, help: &str) {
    let item = "async fn async_read(&self) {}";
    check(args, item, &[(text, &format!("{headline}\nhelp: {help}"))]);
}

#[test]
fn items_that_are_no_functions() {
    let help = "move it onto the function that starts the operation";
    for (item, text, what) in [
        ("struct S;", "struct", "a `struct`"),
        ("pub enum E {}", "enum", "an `enum`"),
        ("impl S {}", "impl", "an `impl`"),
        ("trait T {}", "trait", "a `trait`"),
        ("const C: u8 = 0;", "const", "a `const`"),
        ("mod m {}", "mod", "a `mod`"),
        ("extern crate std;", "extern", "an `extern crate`"),
        ("unsafe extern \"C\" {}", "unsafe", "an `extern` block"),
        ("thread_local! {}", "thread_local", "a macro call"),
        ("std::thread_local! {}", "std", "a macro call"),
    ] {
        let headline = format!("`#[async_op]` applies to functions, not to {what}");
        check_item(item, text, &headline, help);
    }
}

#[test]
fn traits() {
    let item = "fn async_x(&self, op: Completion<fn()>) {}";
    let required = "fn async_x(&self, op: Completion<fn()>);";
    check(
        "implements, provided",
        item,
        &[(
            "provided",
            "`provided` is for the definition of a trait, `implements` for its `impl`\n\
             help: remove one of them",
        )],
    );
    check(
        "provided",
        required,
        &[(
            "provided",
            "this operation has no body, so it is required, not provided\n\
             help: remove `provided`, or write the body",
        )],
    );
    check(
        "implements",
        required,
        &[(
            ";",
            "an `impl` has the body of the operation\n\
             help: write it, or remove `implements` if this is the definition of the trait",
        )],
    );
    check(
        "implements, executor = self.context, default = x",
        item,
        &[
            (
                "executor",
                "`executor` belongs to the definition of the trait\nhelp: move it there",
            ),
            (
                "default",
                "`default` belongs to the definition of the trait\nhelp: move it there",
            ),
        ],
    );
    check("", required, &[]);
    check("", "async fn async_x(&self);", &[]);
}

#[test]
fn qualifiers() {
    check_item(
        "const fn async_x(op: Completion<fn()>) {}",
        "const",
        "an asynchronous operation cannot be `const`",
        "remove `const`",
    );
    check_item(
        "unsafe fn async_x(op: Completion<fn()>) {}",
        "unsafe",
        "unsafe operations are not supported",
        "make the operation safe, and what it relies on an invariant of the type",
    );
    check_item(
        r#"extern "C" fn async_x(op: Completion<fn()>) {}"#,
        r#"extern "C""#,
        "an asynchronous operation has no ABI of its own",
        "remove `extern`",
    );
    check_item(
        "fn async_x(op: Completion<fn()>, ...) {}",
        "...",
        "C-variadic functions are not supported",
        "take a slice or a `Vec`",
    );
    check_item(
        "default async fn async_x(&self) {}",
        "default",
        "specialised methods are not supported",
        "remove `default`",
    );
}

#[test]
fn form() {
    let help = "add a last parameter `op: Completion<fn(..)>`, or make it an `async fn`";
    check_item(
        "fn async_x() {}",
        "()",
        "missing completion parameter",
        help,
    );
    check_item(
        "fn async_x(&self, n: usize) {}",
        "n: usize",
        "no parameter is written `Completion<fn(..)>`",
        &format!("{help}; an alias is not seen"),
    );
    check_item(
        "fn async_x(&self) -> io::Result<usize> {}",
        "io::Result<usize>",
        "an operation does not return its result, it completes with it",
        "make it an `async fn`, or add a last parameter `op: Completion<fn(io::Result<usize>)>`",
    );
    check_item(
        "fn async_x(&self) -> impl Future<Output = Vec<u8>> + Send {}",
        "impl Future<Output = Vec<u8>> + Send",
        "an operation does not return a future",
        "make it an `async fn` that returns `Vec<u8>`",
    );
    check_item(
        "async fn async_x(op: Completion<fn()>) {}",
        "op: Completion<fn()>",
        "an `async fn` completes with what it returns, it takes no completion",
        "remove this parameter, or remove `async`",
    );
    check_item(
        "fn async_x(op: Completion<fn()>) -> impl Initiation<fn()> {}",
        "op: Completion<fn()>",
        "a function that returns an operation takes no completion",
        "remove this parameter, or return nothing and call `op.complete(..)`",
    );
    check_item(
        "fn async_x(op: Completion<fn(u8)>) -> u8 {}",
        "u8",
        "a function that is given a completion returns nothing",
        "remove the return type and call `op.complete(..)`, or remove the completion parameter",
    );
}

#[test]
fn plain_functions() {
    for ty in [
        "impl Future<Output = A>",
        "Pin<Box<dyn Future<Output = A> + '_>>",
        "BoxFuture<'a, A>",
    ] {
        check_item(
            &format!("fn async_x() -> {ty} {{}}"),
            ty,
            "an operation does not return a future",
            "make it an `async fn` that returns `A`",
        );
    }
    check_item(
        "fn async_x() -> Operation<fn(A), impl Initiation<fn(A)>> {}",
        "Operation<fn(A), impl Initiation<fn(A)>>",
        "the type of an operation has no name",
        "return `impl Initiation<fn(A)>`",
    );
    for ty in ["&mut Completion<fn(A)>", "Box<Completion<fn(A)>>"] {
        check_item(
            &format!("fn async_x(op: {ty}) {{}}"),
            ty,
            "the completion is taken by value",
            "`Completion<fn(A)>`",
        );
    }
    let help = "take `op: Completion<fn(A, B)>` instead, and call `op.complete(..)`";
    let headline = "a callback leaves callers no choice of how the result arrives";
    let param = "f: impl FnOnce(A, B) -> C + Send";
    check_item(&format!("fn async_x({param}) {{}}"), param, headline, help);
    check_item("fn async_x<F: Fn(A, B)>(f: F) {}", "f: F", headline, help);
    check_item(
        "fn async_x<F>(f: F) where F: Fn(A, B) {}",
        "f: F",
        headline,
        help,
    );
    let param = "token: impl CompletionToken<'static, fn(A)>";
    check_item(
        &format!("fn async_x({param}) {{}}"),
        param,
        "the token is the caller's, and the macro adds its parameter",
        "take `op: Completion<fn(A)>` instead",
    );
}

#[test]
fn completion_parameter() {
    check_item(
        "fn async_x(op: Completion) {}",
        "Completion",
        "`Completion` has no completion signature",
        "`Completion<fn(io::Result<usize>)>`, or `Completion<fn()>`",
    );
    check_item(
        "fn async_x(op: async_op::Completion<>) {}",
        "Completion<>",
        "`Completion` has no completion signature",
        "`Completion<fn(io::Result<usize>)>`, or `Completion<fn()>`",
    );
    check_item(
        "fn async_x(op: Completion<A, B>) {}",
        "Completion<A, B>",
        "`Completion` takes one completion signature",
        "`Completion<fn(A, B)>`",
    );
    check(
        "",
        "fn async_x(a: Completion<fn(A)>, b: Completion<fn(B)>, c: Completion<fn(C)>) {}",
        &["b: Completion<fn(B)>", "c: Completion<fn(C)>"].map(|extra| {
            (
                extra,
                "only one completion parameter is allowed\n\
                 help: merge the signatures into one, `op: Completion<fn(A, B)>`",
            )
        }),
    );
    check_item(
        "fn async_x(op: Completion<fn()>, n: usize) {}",
        "n: usize",
        "the completion is the last parameter",
        "move this one before it",
    );
    for pattern in ["_", "ref op", "(a, b)"] {
        check_item(
            &format!("fn async_x({pattern}: Completion<fn()>) {{}}"),
            pattern,
            "the completion parameter needs a name",
            "`op`, or `_op` if the operation never completes",
        );
    }
}

#[test]
fn completion_signature() {
    let not_written = "a completion signature is written as a function type";
    for (signature, help) in [
        ("(A, B)", "`fn(A, B)`"),
        ("io::Result<usize>", "`fn(io::Result<usize>)`"),
        ("Vec<u8>", "`fn(Vec<u8>)`"),
        ("u64", "`fn(u64)`"),
        ("dyn Fn(A, B) -> C", "`fn(A, B)`"),
        ("dyn Key", "`fn(dyn Key)`"),
        ("[u8; 4]", "`fn([u8; 4])`"),
        ("()", "`fn()`"),
    ] {
        let item = format!("fn async_x(op: Completion<{signature}>) {{}}");
        check_item(&item, signature, not_written, help);
    }
    check_item(
        "fn async_x(op: Completion<fn(u8) -> bool>) {}",
        "-> bool",
        "a completion signature returns nothing",
        "remove `-> bool`; results are arguments",
    );
    check_item(
        "fn async_x(op: Completion<fn() -> bool>) {}",
        "-> bool",
        "a completion signature returns nothing",
        "results are arguments: `fn(bool)`",
    );
    check_item(
        "fn async_x(op: Completion<unsafe fn(u8)>) {}",
        "unsafe",
        "a completion signature is a plain `fn(..)`",
        "remove `unsafe`",
    );
    check_item(
        "fn async_x(op: Completion<fn(A, B, C, D, E, F, G, H, I)>) {}",
        "I",
        "an operation completes with at most 8 arguments",
        "put some of them into a struct or a tuple",
    );
    let not_owned = "a completion argument cannot borrow";
    let help = "complete with an owned value, `Vec<u8>` or `String`, or write an `async fn`";
    for (signature, text) in [
        ("fn(&[u8])", "&"),
        ("fn(Cow<'_, str>)", "'_"),
        ("for<'a> fn(&'a str)", "for<'a>"),
        ("fn(io::Result<&'a str>)", "'a"),
        ("(fn(A), fn(&B))", "&"),
    ] {
        let item = format!("fn async_x<'a>(op: Completion<{signature}>) {{}}");
        check_item(&item, text, not_owned, help);
    }
    check_item(
        "fn async_x() -> impl Initiation<fn(&str)> {}",
        "&",
        not_owned,
        "complete with an owned value, `Vec<u8>` or `String`, or name the lifetime",
    );
    check_item(
        "async fn async_x() -> Vec<impl Display> {}",
        "impl Display",
        "a completion argument cannot be an `impl Trait`",
        "name the type, or box it: `Box<dyn Display + Send>`",
    );
    check_item(
        "async fn async_x() -> impl Future<Output = u8> {}",
        "impl Future<Output = u8>",
        "an `async fn` completes with a result, not with another future",
        "return `u8`: `.await` the future in the body",
    );
    check_item(
        "async fn async_x() -> impl Initiation<fn(u8)> {}",
        "impl Initiation<fn(u8)>",
        "an `async fn` completes with a result, not with another operation",
        "remove `async`, or return the result of the operation: `.await` it",
    );
    for (ty, owned) in [
        ("str", "String"),
        ("[u8]", "Vec<u8>"),
        ("dyn Key + Send", "Box<dyn Key + Send>"),
    ] {
        check_item(
            &format!("fn async_x(op: Completion<fn({ty})>) {{}}"),
            ty,
            &format!("`{ty}` has no size, so an operation cannot complete with it"),
            &format!("`{owned}`"),
        );
    }
    check_item(
        "fn async_x<S>(op: Completion<S>) {}",
        "S",
        "`S` is not known to be a completion signature",
        "`S: Signature<Args: Send, Output: Send> + 'static`",
    );
    check("", "fn async_x<S: Signature>(op: Completion<S>) {}", &[]);
}

#[test]
fn output() {
    check(
        "completes = fn(A, B)",
        "async fn async_x(&self) {}",
        &[(
            "async_x",
            "missing return type for `fn(A, B)`\nhelp: `-> (A, B)`",
        )],
    );
    for (completes, output, help) in [
        ("fn(A, B)", "u8", "(A, B)"),
        ("fn(A, B)", "(A, B, C)", "(A, B)"),
        ("fn(A, B)", "()", "(A, B)"),
        ("fn()", "u8", "()"),
    ] {
        check(
            &format!("completes = {completes}"),
            &format!("async fn async_x(&self) -> {output} {{}}"),
            &[(
                output,
                &format!("this is not what `{completes}` takes\nhelp: `-> {help}`"),
            )],
        );
    }
    for fits in ["-> Alias", "-> (A, B)", "-> (impl A, B)"] {
        let item = format!("async fn async_x(&self) {fits} {{}}");
        check("completes = fn(A, B)", &item, &[]);
    }
    check_item(
        "async fn async_x(&self) -> io::Result<&str> {}",
        "&",
        "the result borrows from `self`, which the operation copies",
        "name the lifetime: `&'a` in the type of `self` and here",
    );
    check_item(
        "async fn async_x(socket: Socket, key: &str) -> Cow<'_, str> {}",
        "'_",
        "the result borrows from `key`, which the operation copies",
        "name the lifetime: `&'a` in the type of `key` and here",
    );
}

#[test]
fn parameters() {
    check_item(
        "async fn async_x(&self, (a, b): (u8, u8)) {}",
        "(a, b)",
        "patterns are not supported in the parameters of an operation",
        "write `value: (u8, u8)`, and `let (a, b) = value;` in the body",
    );
    check_item(
        "async fn async_x(&self, #[serde(skip)] fd: Fd) {}",
        "#[serde(skip)]",
        "attributes on the parameters of an operation are not supported",
        "remove it; those that are supported are `#[cfg]` and the levels of lints",
    );
    check_item(
        "async fn async_x(&self, key: &(dyn Key + Send)) {}",
        "&(dyn Key + Send)",
        "a trait object behind a reference cannot be copied",
        "take `Arc<dyn Key + Send>`, or name the lifetime: `&'a (dyn Key + Send)`",
    );
    let help = "take the value and give it back on completion, or write an `async fn`";
    for (params, text) in [
        ("&self, buf: &mut [u8], ", "&mut [u8]"),
        ("&self, buf: &'a [u8], ", "&'a [u8]"),
        ("&mut self, ", "&mut self"),
        ("self: &'a Arc<Self>, ", "&'a Arc<Self>"),
    ] {
        let item = format!("fn async_x<'a>({params}op: Completion<fn()>) {{}}");
        check_item(&item, text, "the operation outlives this borrow", help);
    }
}

#[test]
fn attributes() {
    check_item(
        "#[async_op::async_op] async fn async_x(&self) {}",
        "async_op::async_op",
        "`#[async_op]` is given twice",
        "remove one of them",
    );
    check_item(
        r#"#[target_feature(enable = "avx2")] async fn async_x(&self) {}"#,
        r#"target_feature(enable = "avx2")"#,
        "`target_feature` is not supported on operations",
        "put it on a function of its own, and call that from the body",
    );
    check_item(
        "#[unsafe(no_mangle)] async fn async_x(&self) {}",
        "unsafe(no_mangle)",
        "`no_mangle` is not supported on operations",
        "put it on a function of its own, and call that from the body",
    );
    check_item(
        "#[test] async fn async_x(&self) {}",
        "test",
        "an operation is no `#[test]`",
        "write a function that calls it, and `.blocking()`",
    );
    check_item(
        "fn async_x<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + Send + 'async_trait>> {}",
        "async_x",
        "`#[async_trait]` has rewritten this operation",
        "remove it here; `async fn`s that are no operations go into a trait of their own",
    );
}

#[test]
fn names() {
    check_item(
        "async fn async_move(&self) {}",
        "async_move",
        "`move` cannot name the function that returns the operation",
        "name it with `#[async_op(default = name)]`, or write `default = false`",
    );
    check_item(
        "async fn ping(&self) {}",
        "ping",
        "`ping` lacks `async_`, which tells it from the function without token",
        "name it `async_ping`; or `#[async_op(default = name)]` names the other function, \
         `default = false` leaves it out",
    );
    check("default = false", "async fn ping(&self) {}", &[]);
    check("default = pong", "async fn ping(&self) {}", &[]);
    check("implements", "async fn ping(&self) {}", &[]);
    check_args(
        "default = async_read",
        "async_read",
        "`async_read` is the name of the initiating function",
        "give the function without token another name, or write `default = false`",
    );
}

#[test]
fn cancellation() {
    let usage = "`cancellation = terminal`, `cancellation = partial` or `cancellation = total`";
    for (args, text, headline) in [
        (
            "cancellation = totl",
            "totl",
            "unknown type of cancellation `totl`, did you mean `total`?",
        ),
        (
            "cancellation = TERMINAL",
            "TERMINAL",
            "unknown type of cancellation `TERMINAL`, did you mean `terminal`?",
        ),
        (
            "cancellation = none",
            "none",
            "unknown type of cancellation `none`",
        ),
        (
            "cancellation = \"total\"",
            "\"total\"",
            "this is not a value for `cancellation`",
        ),
        (
            "cancellation",
            "cancellation",
            "`cancellation` needs a value",
        ),
    ] {
        check_args(args, text, headline, usage);
    }
    check_args(
        "cancellation = partial, cancellation = total",
        "cancellation",
        "`cancellation` is given twice",
        "remove one of them",
    );
}

#[test]
fn arguments() {
    check_args(
        "exectuor = x",
        "exectuor",
        "unknown argument `exectuor`, did you mean `executor`?",
        VALID,
    );
    check_args("inline", "inline", "unknown argument `inline`", VALID);
    check_args("\"x\"", "\"x\"", "expected `key = value`", VALID);
    check_args(
        "executor = a, executor = b",
        "executor",
        "`executor` is given twice",
        "remove one of them",
    );
    check_args(
        "executor",
        "executor",
        "`executor` needs a value",
        "`executor = expr`",
    );
    check_args(
        "executor(x)",
        "(x)",
        "expected `=` after `executor`",
        "`executor = expr`",
    );
    check_args(
        "default =",
        "default",
        "`default` needs a value",
        "`default = name`, or `default = false`",
    );
    check_args(
        "associated = true",
        "=",
        "`associated` takes no value",
        "write `associated` alone",
    );
    check_args(
        "executor = a b",
        "b",
        "expected `,`",
        "separate the arguments by commas",
    );
    check_args(
        "default = true",
        "true",
        "the function without token is there by default",
        "remove this, or name the function: `default = name`",
    );
    check_args(
        "default = \"later\"",
        "\"later\"",
        "the name is written without quotes",
        "`default = later`",
    );
    check_args(
        "default = move",
        "move",
        "`move` is a keyword",
        "another name, or `default = r#move`",
    );
    check_args(
        "default = 1 + 2",
        "1 + 2",
        "this is not a value for `default`",
        "`default = name`, or `default = false`",
    );
    for other in ["==", ":", "+="] {
        check_args(
            &format!("executor {other} x"),
            &other[..1],
            "expected `=` after `executor`",
            "`executor = expr`",
        );
    }
    check_args(
        "executor = async_op::",
        "async_op::",
        "this is not a value for `executor`",
        "`executor = expr`",
    );
    check_args(
        "fn(u8)",
        "fn",
        "a completion signature is no argument by itself",
        "`completes = fn(A, B)`, in an `async fn`",
    );
    check_args(
        "completes = +",
        "+",
        "this is not a value for `completes`",
        "`completes = fn(A, B)`",
    );
    check(
        "completes = fn()",
        "fn async_x(&self, op: Completion<fn()>) {}",
        &[(
            "completes",
            "`completes` is for an `async fn`\n\
             help: remove it and write the signature in `Completion<..>`",
        )],
    );
    check(
        "cancellation = total",
        "fn async_x(&self, op: Completion<fn()>) {}",
        &[(
            "cancellation",
            "`cancellation` is for an `async fn`\n\
             help: remove it and call `op.on_cancel(..)` in the body",
        )],
    );
    check(
        "cancellation = total",
        "fn async_x(&self) -> impl Initiation<fn()> {}",
        &[(
            "cancellation",
            "`cancellation` is for an `async fn`\n\
             help: remove it; the returned operation says what it honours",
        )],
    );
    check(
        "executor = self.context",
        "fn async_x(&self) -> impl Initiation<fn()> {}",
        &[(
            "executor",
            "`executor` has no use here, the returned operation has its own\nhelp: remove it",
        )],
    );
}

#[test]
fn all_at_once() {
    let expected = [
        (
            "exectuor",
            "unknown argument `exectuor`, did you mean `executor`?",
        ),
        ("associated", "`associated` is given twice"),
        ("unsafe", "unsafe operations are not supported"),
        ("-> u8", "a completion signature returns nothing"),
        (
            "(a, b)",
            "patterns are not supported in the parameters of an operation",
        ),
        ("&mut [u8]", "the operation outlives this borrow"),
    ];
    let expansion = expand_in_one_source(
        "exectuor = x, associated, associated",
        "unsafe fn async_x((a, b): (u8, u8), buf: &mut [u8], op: Completion<fn() -> u8>) {}",
    );
    let reported = errors(expansion);
    let headlines = reported.iter().map(|(text, message)| {
        (
            text.as_str(),
            message.split('\n').next().expect("a headline"),
        )
    });
    assert_eq!(headlines.collect::<Vec<_>>(), expected);
}

#[test]
fn executors() {
    for (args, text, help) in [
        ("executor = &self.a", "&self.a", "`self.a.clone()`"),
        ("executor = &mut a(b)", "&mut a(b)", "`a(b).clone()`"),
    ] {
        let headline = "an operation has an executor of its own, not a borrowed one";
        check_args(args, text, headline, help);
    }
    check_args(
        "executor = 1",
        "1",
        "this is not an executor",
        "an expression for one: `executor = SystemExecutor`, or `executor = self.executor()`",
    );
}

#[test]
fn errors_not_send() {
    for (error, what) in [
        ("dyn Error", "dyn Error"),
        (
            "dyn std::error::Error + 'static",
            "dyn std::error::Error + 'static",
        ),
    ] {
        let headline = format!("`{what}` stays in its thread, so no operation completes with it");
        let help = format!("`Box<{what} + Send + Sync>`");
        let asynchronous = format!("async fn async_x(&self) -> Result<(), Box<{error}>> {{}}");
        check_item(&asynchronous, error, &headline, &help);
        let handler = format!("fn async_x(&self, op: Completion<fn(Box<{error}>)>) {{}}");
        check_item(&handler, error, &headline, &help);
    }
    check(
        "",
        "async fn async_x(&self) -> Box<dyn Error + Send> {}",
        &[],
    );
    check("", "async fn async_x(&self) -> Box<dyn Fn()> {}", &[]);
}

#[test]
fn bodies_and_borrows() {
    check_item(
        "fn async_x(&self, op: Completion<fn()>) { a()?; }",
        "?",
        "a function that is given a completion has nowhere to return an error to",
        "complete with it: `op.complete(Err(error.into()))`, or write an `async fn`",
    );
    check(
        "",
        "fn async_x(&self, op: Completion<fn()>) { a(|| b?); }",
        &[],
    );
    check("", "async fn async_x(&self) -> Option<()> { a()?; }", &[]);
    for (param, text) in [
        ("self: Pin<&mut Self>", "&"),
        ("&self, a: Option<&str>", "&"),
        ("&self, a: Cow<'_, str>", "'_"),
    ] {
        let headline = "the operation outlives what is borrowed here";
        let help = "take the value and give it back on completion, or write an `async fn`";
        let item = format!("fn async_x({param}, op: Completion<fn()>) {{}}");
        check_item(&item, text, headline, help);
        check("", &format!("async fn async_x({param}) {{}}"), &[]);
    }
    check_item(
        "async fn async_x(a: A, b: &'b str, c: C<'b>) {}",
        "'b",
        "the lifetime `'b` is not declared",
        "`fn async_x<'b>(..)`",
    );
    check("", "async fn async_x(&self, b: &'b str) {}", &[]);
    check(
        "",
        "async fn async_x(a: A, b: &'static str, c: Box<dyn for<'c> C<'c>>) {}",
        &[],
    );
}
