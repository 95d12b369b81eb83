//! That no reply goes astray: each caller of a client gets his own, or nothing, whoever gives
//! up and whenever.

use std::io;
use std::ops::Range;
use std::time::Duration;

use async_op::test::{Probe, TestContext, TestStream, Wire, each_cancellation, explore, pair};
use async_op::{Initiation, Operation, bind_cancellation_slot, spawn};

/// What is said is what was asked for.
pub type Echo = fn(io::Result<String>);

/// A client that many callers share, and its server, which says what it is asked for.
pub trait Shared: Send + 'static {
    /// Makes a client that has this connection, and no other.
    fn new(context: &TestContext, stream: TestStream) -> Self;

    /// Asks for a text.
    fn ask(&self, text: &str) -> Operation<Echo, impl Initiation<Echo> + 'static>;

    /// Is the server, until the connection ends.
    fn serve(stream: TestStream) -> impl Future<Output = ()> + Send + 'static;
}

const TEXTS: [&str; 3] = ["one", "two", "three"];

/// Each of three callers in turn is asked to stop, or dropped, before each step.
pub fn one_gives_up_at_each_step<C: Shared>(steps: Range<usize>) {
    for who in 0..TEXTS.len() {
        for is_dropped in [false, true] {
            let times = each_cancellation(|context, cut| {
                let (ours, theirs) = pair(context);
                spawn(context, C::serve(theirs), |()| {});
                let client = C::new(context, ours);
                let probes = TEXTS.map(|text| (text, Probe::new()));
                for (n, (text, probe)) in probes.iter().enumerate() {
                    let question = client.ask(text);
                    if n != who {
                        question.with(probe.handler());
                    } else if is_dropped {
                        let cut = cut.clone();
                        let asks = async move {
                            let answer = cut.or_dropped(question).await;
                            answer.unwrap_or(Err(io::ErrorKind::Interrupted.into()))
                        };
                        spawn(context, asks, probe.handler());
                    } else {
                        question.with(bind_cancellation_slot(cut.slot(), probe.handler()));
                    }
                }
                drop(client);
                context.run();
                for (n, (text, probe)) in probes.into_iter().enumerate() {
                    check(text, probe, n == who && cut.is_over());
                }
            });
            assert!(steps.contains(&times), "{times} steps");
        }
    }
}

/// Eight callers, some of whom are in a hurry, in many orders, on a slow wire that may break.
pub fn some_give_up_in_any_order<C: Shared>() {
    let (mut answered, mut failed) = (0, 0);
    explore(0..100, |context| {
        let mut wire = Wire::new().delay(Duration::ZERO..=SECOND).split(40);
        let breaks = context.random(3) == 0;
        if breaks {
            wire = wire.drop_after(1 + context.random(1000));
        }
        let (ours, theirs) = wire.connect(context);
        spawn(context, C::serve(theirs), |()| {});
        let client = C::new(context, ours);
        let questions: Vec<_> = (0..8)
            .map(|n| (format!("number-{n}"), Probe::new(), n % 2 == 1))
            .collect();
        for (text, probe, is_hasty) in &questions {
            let question = client.ask(text);
            match is_hasty {
                true => {
                    let limit = SECOND.mul_f64(context.random(200) as f64 / 10.0);
                    question.cancel_after(limit).with(probe.handler());
                }
                false => question.with(probe.handler()),
            }
        }
        drop(client);
        context.run();
        for (text, probe, is_hasty) in questions {
            match check(&text, probe, breaks || is_hasty) {
                true => answered += 1,
                false => failed += 1,
            }
        }
    });
    assert!(answered > 400 && failed > 50, "{answered} {failed}");
}

const SECOND: Duration = Duration::from_secs(1);

/// Returns whether he has been answered.
fn check(text: &str, probe: Probe<(io::Result<String>,)>, may_fail: bool) -> bool {
    match probe.take().0 {
        Ok(answer) => {
            assert_eq!(answer, text, "the answer of another");
            true
        }
        Err(error) => {
            assert!(may_fail, "{text}: {error}");
            false
        }
    }
}
