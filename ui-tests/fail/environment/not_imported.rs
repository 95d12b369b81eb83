// errors: 1

#[async_op]
async fn async_ping() {}

fn main() {}
