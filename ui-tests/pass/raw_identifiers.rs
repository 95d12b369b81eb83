use async_op::{SystemExecutor, async_op};

#[async_op(default = r#move)]
async fn async_move(r#in: SystemExecutor, r#type: &str, _: u8) -> String {
    let _ = r#in;
    r#type.to_owned()
}

#[async_op]
async fn r#async_plain(_executor: SystemExecutor) {}

fn main() {
    assert_eq!(r#move(SystemExecutor, "type", 0).blocking(), "type");
    plain(SystemExecutor).blocking();
}
