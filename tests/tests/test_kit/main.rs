//! The kit for tests (`async_op::test`): its clock, its scripts, wires and networks, its
//! schedules and faults.

mod faults;
mod hangs;
mod networks;
mod panics;
mod pipelines;
mod schedules;
mod scripts;
mod time;
mod wires;
