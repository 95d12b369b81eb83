//! `macro_rules!` macros that pass every kind of fragment into an operation.

use async_op::{Completion, Initiation, SystemExecutor, async_op};

macro_rules! asynchronous {
    ($(#[$attr:meta])* $vis:vis $name:ident, $lifetime:lifetime, $arg:ident, $ty:ty, $out:ty, $executor:expr, $block:block) => {
        $(#[$attr])*
        #[async_op(executor = $executor)]
        $vis async fn $name<$lifetime>($arg: &$lifetime $ty) -> $out $block
    };
}

asynchronous!(
    /// Documented.
    #[inline]
    pub(crate) async_length, 'a, text, str, usize, SystemExecutor, { text.len() }
);

macro_rules! handler {
    ($name:ident, $signature:ty, $($arg:ident: $ty:ty),* => $plain:ident, $op:ident, $value:expr) => {
        #[async_op(executor = SystemExecutor, default = $plain)]
        fn $name($($arg: $ty,)* $op: Completion<$signature>) {
            $op.complete($value);
        }
    };
}

handler!(start_sum, fn(u32), a: u32, b: u32 => sum, done, a + b);
handler!(start_copy, fn(String), text: &str => copy, done, text.to_owned());

macro_rules! deferred {
    ($name:ident -> $ret:ty: $body:expr) => {
        #[async_op]
        fn $name() -> $ret {
            $body
        }
    };
}

deferred!(async_three -> impl Initiation<fn(u32)>: sum(1, 2));

macro_rules! item {
    ($($item:tt)*) => {
        $($item)*
    };
}

item! {
    #[async_op(executor = SystemExecutor)]
    async fn async_tokens(n: u32) -> u32 {
        n
    }
}

/// `$self` of the caller, in a method that a macro makes.
macro_rules! method {
    ($name:ident, $self:ident, $body:expr) => {
        #[async_op(executor = SystemExecutor)]
        async fn $name(&$self) -> u32 {
            $body
        }
    };
}

#[derive(Clone)]
struct Counter(u32);

impl Counter {
    method!(async_get, self, self.0 + 1);
}

fn main() {
    assert_eq!(length("four").blocking(), 4);
    assert_eq!(sum(1, 2).blocking(), 3);
    assert_eq!(copy("text").blocking(), "text");
    assert_eq!(three().blocking(), 3);
    assert_eq!(tokens(4).blocking(), 4);
    assert_eq!(Counter(1).get().blocking(), 2);
}
