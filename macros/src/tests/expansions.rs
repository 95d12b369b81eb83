//! Snapshots of expansions, one for each form and rule. Bless with
//! `UPDATE_EXPECT=1`, and read the difference.

use super::expand;
use expect_test::{expect_file, ExpectFile};

fn check(args: &str, item: &str, expected: ExpectFile) {
    let expansion = expand(args, item);
    let file = syn::parse2(expansion).expect("the expansion is Rust");
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// Expands a method; prettyplease wants it in its `impl`.
fn check_method(args: &str, item: &str, expected: ExpectFile) {
    let expansion = expand(args, item);
    let file =
        syn::parse2(quote::quote!(impl Socket { #expansion })).expect("the expansion is Rust");
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// Expands a method of a trait definition.
fn check_trait(args: &str, item: &str, expected: ExpectFile) {
    let expansion = expand(args, item);
    let file =
        syn::parse2(quote::quote!(trait Read { #expansion })).expect("the expansion is Rust");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn handler_form() {
    check_method(
        "",
        "/// Waits for `duration`.
        pub fn async_wait(&self, duration: Duration, op: Completion<fn(io::Result<()>)>) {
            self.timers.add(duration, move || op.complete(Ok(())));
        }",
        expect_file!["expansions/handler_form.rs"],
    );
}

#[test]
fn async_form() {
    check_method(
        "",
        "/// Reads until `buf` is full.
        pub async fn async_read_exact<'a>(&self, buf: &'a mut [u8]) -> io::Result<usize> {
            self.read(buf).await
        }",
        expect_file!["expansions/async_form.rs"],
    );
}

#[test]
fn default_token() {
    check_method(
        "default_token = T",
        "/// Gets the value of `key`.
        pub async fn async_get(&self, key: &str) -> io::Result<Value> {
            self.command(Get(key)).await
        }",
        expect_file!["expansions/default_token.rs"],
    );
}

#[test]
fn deferred_form() {
    check_method(
        "",
        "/// Gets the value of `key`.
        pub fn async_get(&self, key: &str) -> impl Initiation<fn(io::Result<Value>)> {
            self.command(Get(key.into()))
        }",
        expect_file!["expansions/deferred_form.rs"],
    );
}

#[test]
fn deferred_function() {
    check(
        "",
        "/// Gets the value of `key`.
        pub fn async_get(client: &Client, key: &str) -> impl Initiation<fn(io::Result<Value>)> {
            client.command(Get(key.into()))
        }",
        expect_file!["expansions/deferred_function.rs"],
    );
}

#[test]
fn free_function() {
    check(
        "",
        "pub async fn async_connect(context: &IoContext, mut address: SocketAddr) -> io::Result<Socket> {
            Socket::open(context)?.connect(address).await
        }",
        expect_file!["expansions/free_function.rs"],
    );
}

#[test]
fn nothing_copied() {
    check_method(
        "",
        "async fn async_shutdown(mut self, mode: Mode) -> io::Result<()> { self.finish(mode).await }",
        expect_file!["expansions/nothing_copied.rs"],
    );
}

#[test]
fn no_parameters() {
    check(
        "",
        "pub fn async_answer(op: Completion<fn(u32)>) { op.complete(42) }",
        expect_file!["expansions/no_parameters.rs"],
    );
}

#[test]
fn generics() {
    check_method(
        "executor = pool.executor(), default = mapped",
        "pub async fn async_map<'a, T: Clone, const N: usize>(
            pool: &Pool, items: [T; N], rest: &'a [T], f: impl Fn(&T) -> T + Send, label: Label<'_>, _: u8,
        ) -> Vec<Self>
        where
            T: Send + Sync,
        {
            items.iter().chain(rest).map(f).map(Self::new).collect()
        }",
        expect_file!["expansions/generics.rs"],
    );
}

#[test]
fn receivers() {
    check_method(
        "",
        "async fn async_by_arc(self: Arc<Self>) {}",
        expect_file!["expansions/receiver_arc.rs"],
    );
    check_method(
        "",
        "async fn async_by_ref_arc(self: &Arc<Self>) {}",
        expect_file!["expansions/receiver_ref_arc.rs"],
    );
    check_method(
        "",
        "async fn async_fill(&mut self) -> io::Result<&[u8]> { self.fill().await }",
        expect_file!["expansions/receiver_mut.rs"],
    );
}

#[test]
fn completes() {
    check(
        "completes = fn(a: u8, b: char), crate = crate::renamed, default = false",
        "async fn async_pair(executor: Executor) -> (u8, char) { (1, 'x') }",
        expect_file!["expansions/completes.rs"],
    );
}

#[test]
fn cancellation() {
    check_method(
        "cancellation = partial, default = false",
        "/// Writes all of `data`.
        async fn async_write_all(self: Arc<Self>, data: Bytes) -> io::Result<usize> {
            self.write(data).await
        }",
        expect_file!["expansions/cancellation.rs"],
    );
}

#[test]
fn trait_definition() {
    check_trait(
        "",
        "/// Reads.
        fn async_read(&self, buf: Vec<u8>, op: Completion<fn(io::Result<usize>)>);",
        expect_file!["expansions/trait_required.rs"],
    );
    check_trait(
        "provided, default = false",
        "async fn async_read_all<'a>(&self, buf: &'a mut [u8], _: u8) -> io::Result<usize> {
            self.async_read_body(buf).await
        }",
        expect_file!["expansions/trait_provided.rs"],
    );
    check_trait(
        "",
        "fn async_get(&self, key: &str) -> impl Initiation<fn(Value)>;",
        expect_file!["expansions/trait_deferred.rs"],
    );
}

#[test]
fn trait_implementation() {
    check_method(
        "implements",
        "/// Reads.
        async fn async_read(&self, buf: Vec<u8>) -> io::Result<usize> { self.fill(buf).await }",
        expect_file!["expansions/trait_implementation.rs"],
    );
}

#[test]
fn attributes() {
    check_method(
        "",
        r##"/// Sends.
        ///
        /// # Completion
        ///
        /// When sent.
        #[doc(alias = "write")]
        #[doc(cfg(unix))]
        #[deprecated = "use `send_all`"]
        #[must_use]
        #[track_caller]
        #[allow(clippy::unused_self)]
        #[expect(clippy::needless_pass_by_value)]
        #[instrument(skip(self))]
        pub fn async_send(&self, #[allow(unused)] data: Vec<u8>, op: Completion<fn()>) {}"##,
        expect_file!["expansions/attributes.rs"],
    );
}

#[test]
fn names_in_use() {
    check_method(
        "",
        "fn async_parse<Token: Lex>(&self, token: Token, op: Completion<fn(Token)>) {
            'op: loop { break 'op }
        }",
        expect_file!["expansions/names_in_use.rs"],
    );
}

#[test]
fn raw_identifiers() {
    check(
        "default = r#move",
        "fn r#async_move(r#in: Context, op: Completion<fn()>) {}",
        expect_file!["expansions/raw_identifiers.rs"],
    );
}

#[test]
fn with_mistakes() {
    check_method(
        "exectuor = self.context",
        "pub fn async_wait(&self, duration: Duration, op: Completion<fn(io::Result<()>)>) {
            self.timers.add(duration, op);
        }",
        expect_file!["expansions/with_mistakes.rs"],
    );
    check_method(
        "",
        "/// Waits.
        pub fn async_wait(&self, duration: Duration, op: Completion) { op.complete() }",
        expect_file!["expansions/without_signature.rs"],
    );
}
