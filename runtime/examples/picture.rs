//! Draws what the operations of a program did: `cargo run --features tracing
//! --example picture [FILE]`, and open the SVG file in a browser.
//!
//! A row is an operation, below the one that started it. Its pale bar begins
//! when the operation starts and ends with its handler; dark are the times at
//! which it kept a thread: in its body, in polls, in the handler. A line in red
//! is a request to stop, a cross means that it was abandoned.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{read_exact, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{IoContext, IoExecutor, async_op};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes back what a client sends, a little later.
#[async_op]
async fn async_serve(context: &IoExecutor, listener: &TcpListener) -> io::Result<()> {
    let (stream, _) = listener.accept().await?;
    let (result, message) = read_exact(&stream, vec![0; 5]).await;
    result?;
    async_pause(context, 2, async_op::UseFuture).await?;
    write_all(&stream, message).await.0?;
    Ok(())
}

#[async_op]
async fn async_pause(context: &IoExecutor, millis: u64) -> io::Result<()> {
    let timer = Timer::new(context);
    timer.expires_after(Duration::from_millis(millis));
    timer.wait().await
}

#[async_op]
async fn async_ask(context: &IoExecutor, listener: &TcpListener) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(context, listener.local_addr()?).await?;
    write_all(&stream, "hello").await?;
    let (result, answer) = read_exact(&stream, vec![0; 5]).await;
    result?;
    Ok(answer)
}

fn main() -> io::Result<()> {
    let recorder = Recorder::default();
    let operations = recorder.operations.clone();
    tracing::subscriber::set_global_default(recorder).map_err(io::Error::other)?;

    let context = IoContext::new()?;
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    for _ in 0..2 {
        async_serve(&context, &listener, |served: io::Result<()>| {
            served.expect("a client");
        });
    }
    let both = parallel_group((ask(&context, &listener), ask(&context, &listener)));
    both.wait(wait_for_all()).callback(|_, (first, second)| {
        assert_eq!([first.unwrap(), second.unwrap()], [b"hello"; 2]);
        std::thread::sleep(Duration::from_millis(1)); // a handler that takes its time
    });
    let late = pause(&context, 60_000).cancel_after(Duration::from_millis(4));
    late.callback(|result| assert!(async_op::is_timeout(&result.unwrap_err())));
    for operation in context.outstanding() {
        println!("{operation}");
    }
    context.run();
    assert!(context.outstanding().is_empty());

    let operations = operations.lock().unwrap();
    assert!(operations.iter().all(|operation| operation.end.is_some()));
    let default = env::temp_dir().join("operations.svg");
    let file = env::args_os().nth(1).map_or(default, Into::into);
    fs::write(&file, picture(&operations))?;
    println!(
        "{} operations drawn in {}",
        operations.len(),
        file.display()
    );
    Ok(())
}

/// What is known of an operation.
struct Operation {
    name: String,
    id: u64,
    parent: u64,
    line: String,
    start: Instant,
    end: Option<Instant>,
    entered: Vec<(Instant, Option<Instant>)>,
    cancelled: Vec<Instant>,
    is_abandoned: bool,
}

/// A subscriber that keeps everything it is told of operations. The id of a
/// span is the index of its operation, plus one.
#[derive(Default)]
struct Recorder {
    operations: Arc<Mutex<Vec<Operation>>>,
}

impl Recorder {
    fn with<R>(&self, span: &Id, f: impl FnOnce(&mut Operation) -> R) -> R {
        let index = usize::try_from(span.into_u64()).expect("an index") - 1;
        f(&mut self.operations.lock().unwrap()[index])
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "async_op"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut take = |name| fields.0.remove(name).unwrap_or_default();
        let operation = Operation {
            name: take("operation"),
            id: take("id").parse().expect("a number"),
            parent: take("parent").parse().expect("a number"),
            line: take("location"),
            start: Instant::now(),
            end: None,
            entered: Vec::new(),
            cancelled: Vec::new(),
            is_abandoned: false,
        };
        let mut operations = self.operations.lock().unwrap();
        operations.push(operation);
        Id::from_u64(operations.len() as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(span) = event.parent() else { return };
        self.with(span, |operation| match fields.0["message"].as_str() {
            "cancel requested" => operation.cancelled.push(Instant::now()),
            "abandoned" => operation.is_abandoned = true,
            _ => {}
        });
    }

    fn enter(&self, span: &Id) {
        self.with(span, |operation| {
            operation.entered.push((Instant::now(), None));
        });
    }

    fn exit(&self, span: &Id) {
        self.with(span, |operation| {
            let inner = operation.entered.iter_mut().rfind(|(_, end)| end.is_none());
            inner.expect("entered").1 = Some(Instant::now());
        });
    }

    fn try_close(&self, span: Id) -> bool {
        self.with(&span, |operation| operation.end = Some(Instant::now()));
        true
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

/// The fields of a span or an event, as text.
#[derive(Default)]
struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

const ROW: usize = 18;
const WIDTH: f64 = 900.0;
const LEFT: f64 = 330.0;

fn picture(operations: &[Operation]) -> String {
    let start = operations.iter().map(|operation| operation.start).min();
    let end = operations
        .iter()
        .filter_map(|operation| operation.end)
        .max();
    let (Some(start), Some(end)) = (start, end) else {
        return String::new();
    };
    let x = |at: Instant| LEFT + WIDTH * (at - start).as_secs_f64() / (end - start).as_secs_f64();
    let mut rows = Vec::new();
    in_order(operations, 0, 0, &mut rows);

    let mut svg = String::new();
    let (width, height) = (LEFT + WIDTH + 20.0, ROW * (rows.len() + 2));
    let _ = write!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' \
         font-family='monospace' font-size='11'>\
         <rect width='100%' height='100%' fill='white'/>"
    );
    let mut tick = Duration::ZERO;
    while start + tick <= end {
        let (x, bottom) = (x(start + tick), height - ROW);
        let _ = write!(
            svg,
            "<path d='M{x:.1} 0V{bottom}' stroke='#ddd'/>\
             <text x='{x:.1}' y='{}'>{tick:?}</text>",
            height - 5
        );
        tick += Duration::from_millis(((end - start).as_millis() as u64 / 8).max(1));
    }
    for (row, (operation, depth)) in rows.iter().enumerate() {
        let y = ROW * row + 4;
        let bar = |from: f64, to: f64, colour: &str| {
            let width = (to - from).max(1.0);
            format!("<rect x='{from:.1}' y='{y}' width='{width:.1}' height='12' fill='{colour}'/>")
        };
        let line = operation.line.rsplit('/').next().unwrap_or_default();
        let _ = write!(
            svg,
            "<g><title>#{} {}</title><text x='{}' y='{}'>{} <tspan fill='gray'>{line}</tspan></text>",
            operation.id,
            operation.line,
            10 + 14 * depth,
            y + 10,
            operation.name,
        );
        let over = operation.end.unwrap_or(end);
        svg += &bar(x(operation.start), x(over), "#cfe0f5");
        for (from, to) in &operation.entered {
            svg += &bar(x(*from), x(to.unwrap_or(end)), "#2b5f9e");
        }
        for at in &operation.cancelled {
            svg += &bar(x(*at), x(*at) + 2.0, "red");
        }
        if operation.is_abandoned {
            let _ = write!(
                svg,
                "<text x='{:.1}' y='{}'>✗</text>",
                x(over) + 3.0,
                y + 10
            );
        }
        svg += "</g>";
    }
    svg + "</svg>\n"
}

/// The operations that `parent` started, each followed by its own.
fn in_order<'a>(
    operations: &'a [Operation],
    parent: u64,
    depth: usize,
    rows: &mut Vec<(&'a Operation, usize)>,
) {
    for operation in operations.iter().filter(|each| each.parent == parent) {
        rows.push((operation, depth));
        in_order(operations, operation.id, depth + 1, rows);
    }
}
