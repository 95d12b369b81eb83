//! Says that the files of unit tests are there. What is published is without them, and without
//! this: its users build no script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=async_op_unit_tests");
}
