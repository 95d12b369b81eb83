//! What is borrowed: until the operation completes, and under tokens that wait
//! for it.

use async_op::{Blocking, SystemExecutor, UseFuture, async_op};
use std::borrow::Cow;

struct Reader {
    text: String,
}

impl Reader {
    #[async_op(executor = SystemExecutor)]
    async fn async_read<'a>(&'a self, buf: &'a mut String) -> &'a str {
        buf.push_str(&self.text);
        buf
    }

    #[async_op(executor = SystemExecutor)]
    async fn async_fill(&mut self, more: Cow<'_, str>) -> &str {
        self.text.push_str(&more);
        &self.text
    }
}

#[async_op]
async fn async_sum(_executor: SystemExecutor, into: &mut u32, scale: impl Fn(&u32) -> u32 + Send) {
    *into = scale(into);
}

async fn caller(reader: &Reader) -> usize {
    let mut buf = String::new();
    reader.async_read(&mut buf, UseFuture).await.len()
}

fn main() {
    let mut reader = Reader { text: "a".to_owned() };
    let mut buf = String::new();
    assert_eq!(reader.async_read(&mut buf, Blocking), "a");
    assert_eq!(buf, "a");
    assert_eq!(reader.fill(Cow::Borrowed(&buf)).blocking(), "aa");
    let mut n = 1;
    let scale = 3;
    sum(SystemExecutor, &mut n, |n| n + scale).blocking();
    assert_eq!(n, 4);
    drop(caller(&reader));
}
