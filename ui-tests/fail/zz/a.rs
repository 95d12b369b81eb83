#![deny(dead_code)]
use async_op::{SystemExecutor, async_op};
#[async_op]
async fn async_a(_executor: &SystemExecutor) {}
#[async_op]
async fn async_b(_executor: &SystemExecutor) {}
#[async_op]
async fn async_never(_executor: &SystemExecutor) {helper()}
fn helper(){}
struct S;
impl S {
#[async_op(associated)]
async fn async_never(_executor: &SystemExecutor) {}
}
fn main() { async_a(&SystemExecutor, async_op::Blocking); b(&SystemExecutor).blocking(); let _ = S; }
