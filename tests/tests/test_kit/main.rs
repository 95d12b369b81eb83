//! The kit for tests (`async_op::test`): its clock, its scripts and wires, its schedules.

mod faults;
mod pipelines;
mod schedules;
mod scripts;
mod time;
mod wires;
