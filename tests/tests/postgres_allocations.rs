//! What a query takes from the heap: the buffer of its rows.
#![cfg(unix)]

#[path = "../../runtime/examples/postgres/client/mod.rs"]
mod client;

use async_op::IoContext;
use async_op_tests::postgres::PostgresServer;
use async_op_tests::{CountingHeap, heap_allocations_here, without_hanging};

use client::{Client, Config};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const QUERIES: usize = 1000;

/// Returns how often the heap is asked in so many calls, after some to begin with.
fn count(mut call: impl FnMut()) -> usize {
    (0..100).for_each(|_| call());
    let before = heap_allocations_here();
    (0..QUERIES).for_each(|_| call());
    heap_allocations_here() - before
}

#[test]
fn one_for_the_rows_of_a_query() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::parse(&server.unix_url()).unwrap());
        let statement = client.prepare("select $1::int").blocking().unwrap();
        let queries = count(|| {
            let rows = client.query(&statement, &[&42]).blocking().unwrap();
            assert_eq!(rows.one().unwrap().get::<i32>(0).unwrap(), 42);
        });
        assert_eq!(queries, QUERIES);
        let statement = client.prepare("set work_mem = '1MB'").blocking().unwrap();
        let commands = count(|| {
            client.execute(&statement, &[]).blocking().unwrap();
        });
        assert_eq!(commands, 0);
        let callbacks = count(|| {
            client
                .execute(&statement, &[])
                .callback(|n| assert_eq!(n.unwrap(), 0));
            context.restart();
            context.run();
        });
        assert_eq!(callbacks, 0);
    });
}
