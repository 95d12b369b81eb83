//! Signals of the system, and numbers that are none.

#![cfg(unix)]

use std::io;

use async_op::IoContext;
use async_op::signal::SignalSet;
use async_op_tests::panic_of;

#[test]
fn a_number_that_is_no_signal() {
    let context = IoContext::new().unwrap();
    let set = SignalSet::new(&context, [libc::SIGUSR1]).unwrap();
    for number in [i32::MIN, -1, 0, 127, 128, i32::MAX] {
        let error = SignalSet::new(&context, [libc::SIGUSR1, number]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{number}");
        let error = set.add(number).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{number}");
    }
}

#[test]
fn a_signal_that_cannot_be_waited_for() {
    let context = IoContext::new().unwrap();
    let set = SignalSet::new(&context, []).unwrap();
    for signal in [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGSEGV,
    ] {
        let message = format!("signal {signal} cannot be waited for");
        assert_eq!(panic_of(|| SignalSet::new(&context, [signal])), message);
        assert_eq!(panic_of(|| set.add(signal)), message);
    }
    // It is of use still.
    set.add(libc::SIGUSR2).unwrap();
}
