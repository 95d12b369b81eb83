use super::*;
use crate::{Blocking, IoContext, is_cancelled};

/// They are of the process, which all tests share: so it is one test.
#[test]
fn what_a_console_tells() {
    assert_eq!(handle(0), 0, "nobody has claimed Ctrl-C");
    let context = IoContext::new().unwrap();
    let both = SignalSet::new(&context, [INTERRUPT, BREAK]).unwrap();
    let one = SignalSet::new(&context, [INTERRUPT]).unwrap();
    let wait = |set: &SignalSet| set.async_wait(Blocking).unwrap();

    // Before anybody waits; several of a number count as one, and each set is told.
    assert_eq!([handle(0), handle(0), handle(1)], [1, 1, 1]);
    assert_eq!(
        [wait(&both), wait(&both), wait(&one)],
        [INTERRUPT, BREAK, INTERRUPT]
    );
    // The end of a console is none of them.
    assert_eq!(handle(2), 0);

    // Somebody waits; what a future that is dropped has not taken is another's.
    let (sender, received) = std::sync::mpsc::channel();
    drop(one.wait());
    one.wait()
        .callback(move |signal| sender.send(signal).unwrap());
    assert_eq!(context.poll(), 0);
    std::thread::spawn(|| handle(0)).join().unwrap();
    context.run_one();
    assert_eq!(received.recv().unwrap().unwrap(), INTERRUPT);
    assert_eq!(wait(&both), INTERRUPT);

    one.add(BREAK).unwrap();
    assert_eq!(handle(1), 1);
    assert_eq!([wait(&one), wait(&both)], [BREAK, BREAK]);
    let error = one.add(15).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);

    let (sender, received) = std::sync::mpsc::channel();
    one.wait()
        .callback(move |signal| sender.send(signal).unwrap());
    one.cancel();
    context.restart();
    context.run();
    assert!(is_cancelled(&received.recv().unwrap().unwrap_err()));

    // They end the process no more, though nobody waits.
    drop((one, both));
    assert_eq!([handle(0), handle(1)], [1, 1]);
    let gone = context.executor();
    drop(context);
    let error = SignalSet::new(&gone, [INTERRUPT]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
}
