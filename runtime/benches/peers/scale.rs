//! How costs grow with threads, connections and timers. Writes the figures as lines
//! of `series,contender,x,value`, and a picture of each series.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use async_op::net::TcpStream;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, IoContext, IoExecutor};
use plotters::prelude::*;

use crate::echo;
use crate::measure::{Run, peak_memory};
use crate::posts::current_thread;
use crate::report::{Figures, finish};

struct Series {
    name: &'static str,
    title: &'static str,
    x: &'static str,
    xs: &'static [u64],
    /// What is drawn.
    metric: &'static str,
    contenders: &'static [Contender],
}

type Contender = (&'static str, fn(u64));

const CONNECTIONS: &[u64] = &[1, 10, 100, 1_000, 10_000];

const SERIES: &[Series] = &[
    Series {
        name: "threads",
        title: "64 chains of tasks: time per task",
        x: "threads",
        xs: &[1, 2, 4],
        metric: "wall ns",
        contenders: &[
            ("async-op one context", |threads| chains(threads, true)),
            ("async-op a context each", |threads| chains(threads, false)),
            ("tokio", chains_tokio),
            ("smol", chains_smol),
        ],
    },
    Series {
        name: "echo-threads",
        title: "echo server, 64 connections, 64 bytes: CPU time per message",
        x: "threads",
        xs: &[1, 2, 4],
        metric: "CPU ns",
        contenders: &[
            ("async-op one context", |threads| {
                echo_threads(threads, true)
            }),
            ("async-op a context each", |threads| {
                echo_threads(threads, false)
            }),
            ("tokio", |threads| {
                let server = echo::on_tokio(multi_thread(threads), ROOM);
                serve(64, server);
            }),
        ],
    },
    Series {
        name: "connections",
        title: "echo server, 64 bytes: CPU time per message",
        x: "active connections",
        xs: CONNECTIONS,
        metric: "CPU ns",
        contenders: &[
            ("async-op", |x| serve(x, echo::callbacks(1, ROOM))),
            ("async-op futures", |x| serve(x, echo::futures(1, ROOM))),
            ("mio", |x| serve(x, echo::on_mio())),
            ("tokio", |x| {
                serve(x, echo::on_tokio(current_thread(), ROOM))
            }),
        ],
    },
    Series {
        name: "memory",
        title: "echo server: memory of the process per connection",
        x: "idle connections, each with a buffer of 256 bytes",
        xs: &[1_000, 10_000],
        metric: "bytes",
        contenders: &[
            ("async-op", |x| idle(x, echo::callbacks(1, ROOM))),
            ("async-op futures", |x| idle(x, echo::futures(1, ROOM))),
            ("mio", |x| idle(x, echo::on_mio())),
            ("tokio", |x| idle(x, echo::on_tokio(current_thread(), ROOM))),
        ],
    },
    Series {
        name: "timers",
        title: "timer scheduled and cancelled: CPU time",
        x: "other timers that are pending",
        xs: &[1, 100, 10_000, 1_000_000],
        metric: "CPU ns",
        contenders: &[
            ("async-op", timers_ours),
            ("tokio", timers_tokio),
            ("smol", |pending| timers(pending, smol::Timer::after)),
        ],
    },
];

/// One sample, in a process of its own.
pub(crate) fn run(series: &str, contender: &str, x: &str) {
    let series = SERIES.iter().find(|known| known.name == series).unwrap();
    let mut contenders = series.contenders.iter();
    let (_, run) = contenders.find(|(name, _)| *name == contender).unwrap();
    run(x.parse().unwrap());
}

pub(crate) fn all(arguments: &[&str]) {
    let names: Vec<_> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/benches/pictures");
    fs::create_dir_all(&folder).unwrap();
    let chosen = |series: &&Series| names.is_empty() || names.contains(&&series.name);
    for series in SERIES.iter().filter(chosen) {
        let lines = measure(series);
        for (contender, line) in &lines {
            for (x, value) in line {
                println!("{},{contender},{x},{value:.1}", series.name);
            }
        }
        let picture = folder.join(format!("{}.svg", series.name));
        draw(series, &lines, &picture).unwrap();
    }
}

type Line = (&'static str, Vec<(u64, f64)>);

fn measure(series: &Series) -> Vec<Line> {
    let lines = series.contenders.iter();
    let mut lines: Vec<Line> = lines.map(|(name, _)| (*name, Vec::new())).collect();
    for &x in series.xs {
        let mut figures = vec![Figures::default(); lines.len()];
        for _ in 0..3 {
            for ((contender, _), figures) in lines.iter().zip(&mut figures) {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["scale", series.name, contender, &x.to_string()]);
                figures.add(finish(command));
            }
        }
        for ((_, line), figures) in lines.iter_mut().zip(&mut figures) {
            line.push((x, figures.median(series.metric).unwrap()));
        }
    }
    lines
}

fn draw(series: &Series, lines: &[Line], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let values = lines.iter().flat_map(|(_, line)| line);
    let most = values.map(|&(_, value)| value).fold(0.0, f64::max);
    let (first, last) = (series.xs[0] as f64, series.xs[series.xs.len() - 1] as f64);

    let colors = [BLUE, RED, BLACK, GREEN].map(|color| color.mix(0.8));
    let area = SVGBackend::new(path, (640, 360)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(series.title, ("sans-serif", 18))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((first..last).log_scale(), 0.0..most * 1.4)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(series.x)
        .y_desc(series.metric)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for ((contender, line), color) in lines.iter().zip(colors) {
        let points = line.iter().map(|&(x, value)| (x as f64, value));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
            .label(*contender)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

fn sample(rounds: u64, measure: impl FnOnce(&mut Run)) {
    let mut run = Run::new(rounds, rounds / 10, false);
    measure(&mut run);
    run.print();
}

const TASKS: u64 = 4_000_000;
const CHAINS: u64 = 64;

/// Runs `CHAINS` chains of tasks, on one context or on one for each thread.
fn chains(threads: u64, one: bool) {
    fn again(executor: IoExecutor, left: u64) {
        if left > 0 {
            executor.post(Task::new(move || again(executor, left - 1)));
        }
    }
    let contexts = contexts(threads, one);
    sample(TASKS, |run| {
        run.measure(|rounds| {
            for context in contexts.iter().cycle().take(CHAINS as usize) {
                again(context.executor(), rounds / CHAINS);
            }
            run_all(&contexts, threads);
        });
    });
}

fn contexts(threads: u64, one: bool) -> Vec<IoContext> {
    let contexts = if one { 1 } else { threads };
    (0..contexts).map(|_| IoContext::new().unwrap()).collect()
}

/// Runs the contexts in so many threads, until there is nothing left to do.
fn run_all(contexts: &[IoContext], threads: u64) {
    thread::scope(|scope| {
        for context in contexts.iter().cycle().take(threads as usize) {
            scope.spawn(|| context.run());
        }
    });
    contexts.iter().for_each(IoContext::restart);
}

/// 64 connections to a server on one context, or on one for each thread.
fn echo_threads(threads: u64, one: bool) {
    let contexts = contexts(threads, one);
    serve(64, |listener, connections| {
        listener.set_nonblocking(false).unwrap();
        for context in contexts.iter().cycle().take(connections as usize) {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            echo::echo(TcpStream::from_std(context, stream).unwrap(), vec![0; ROOM]);
        }
        run_all(&contexts, threads);
    });
}

/// Says when all chains have ended.
struct Ends {
    left: AtomicU64,
    last: smol::channel::Sender<()>,
}

impl Ends {
    fn new() -> (&'static Self, smol::channel::Receiver<()>) {
        let (last, all) = smol::channel::bounded(1);
        let left = AtomicU64::new(CHAINS);
        (Box::leak(Box::new(Self { left, last })), all)
    }

    fn end(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.last.try_send(()).unwrap();
        }
    }
}

fn multi_thread(threads: u64) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads as usize)
        .enable_all()
        .build()
        .unwrap()
}

fn chains_tokio(threads: u64) {
    fn again(ends: &'static Ends, left: u64) {
        if left > 0 {
            tokio::spawn(async move { again(ends, left - 1) });
        } else {
            ends.end();
        }
    }
    let runtime = multi_thread(threads);
    sample(TASKS, |run| {
        run.measure(|rounds| {
            let (ends, all) = Ends::new();
            let _inside = runtime.enter();
            (0..CHAINS).for_each(|_| again(ends, rounds / CHAINS));
            runtime.block_on(all.recv()).unwrap();
        });
    });
}

fn chains_smol(threads: u64) {
    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();
    fn again(ends: &'static Ends, left: u64) {
        if left > 0 {
            let next = async move { again(ends, left - 1) };
            EXECUTOR.spawn(next).detach();
        } else {
            ends.end();
        }
    }
    sample(TASKS, |run| {
        run.measure(|rounds| {
            let (ends, all) = Ends::new();
            (0..CHAINS).for_each(|_| again(ends, rounds / CHAINS));
            let (stop, stopped) = smol::channel::bounded::<()>(1);
            thread::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|| smol::block_on(EXECUTOR.run(stopped.recv())));
                }
                smol::block_on(EXECUTOR.run(all.recv())).unwrap();
                stop.close();
            });
        });
    });
}

/// Of a connection's buffer.
const ROOM: usize = 256;

/// Twenty messages for each connection.
fn serve(connections: u64, mut server: impl FnMut(std::net::TcpListener, u64)) {
    sample((20 * connections).max(50_000), |run| {
        run.measure_cold(|messages| {
            let listener = echo::under_load("echo", connections, 64, messages);
            server(listener, connections);
        });
    });
}

/// A connection's share of the process's memory.
fn idle(connections: u64, mut server: impl FnMut(std::net::TcpListener, u64)) {
    sample(1, |run| {
        let before = peak_memory();
        let listener = echo::under_load("idle", connections, 0, 0);
        server(listener, connections);
        let bytes = (peak_memory() - before) as f64 / connections as f64;
        run.figure("bytes", bytes);
    });
}

/// Times in no order, from an hour on.
fn after(n: u64) -> Duration {
    let micros = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Duration::from_secs(3600) + Duration::from_micros(micros)
}

/// With so many timers `pending`, schedules one more and cancels it.
fn timers<F: Future>(pending: u64, timer: impl Fn(Duration) -> F) {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut start = |n| -> Pin<Box<F>> {
        let mut timer = Box::pin(timer(after(n)));
        assert!(timer.as_mut().poll(cx).is_pending());
        timer
    };
    let held: Vec<_> = (0..pending).map(&mut start).collect();
    sample(100_000, |run| {
        run.measure(|rounds| (0..rounds).for_each(|n| drop(start(pending + n))));
    });
    drop(held);
}

fn timers_ours(pending: u64) {
    let context = IoContext::for_one_thread().unwrap();
    timers(pending, |after| {
        let timer = Timer::new(&context);
        timer.expires_after(after);
        async move { timer.wait().await }
    });
}

fn timers_tokio(pending: u64) {
    current_thread().block_on(async { timers(pending, tokio::time::sleep) });
}
