//! Which processors are used. Left alone, the kernel puts a client and its server
//! together or apart as it likes, and that decides more than what the client does.

use std::io;

/// Puts the server, whose process is given, on one processor, and this thread on another,
/// with the threads and programs that it starts from now on; returns which they are.
#[cfg(target_os = "linux")]
pub(crate) fn pin(server: u32) -> io::Result<(usize, usize)> {
    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    let permitted = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).filter(|&it| permitted.is_set(it));
    let (Some(first), Some(second)) = (processors.next(), processors.next()) else {
        return Err(io::Error::other("there is only one processor"));
    };
    let only = |processor| {
        let mut set = CpuSet::new();
        set.set(processor);
        set
    };
    // Its first thread, which does all that we measure.
    let server = Pid::from_raw(server as i32);
    sched_setaffinity(server, &only(first))?;
    sched_setaffinity(None, &only(second))?;
    Ok((first, second))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_: u32) -> io::Result<(usize, usize)> {
    Err(io::Error::other("known on Linux only"))
}
