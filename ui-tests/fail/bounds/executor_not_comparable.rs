// errors: 1

use async_op::Executor;
use async_op::task::Task;

#[derive(Clone)]
struct Now;

impl Executor for Now {
    fn post(&self, task: Task) {
        task.run();
    }
}

fn main() {}
