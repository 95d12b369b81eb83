//! A pipeline of requests: every kind of reply, whatever becomes of those who wait.

mod broken;
mod dying;
mod encoders;
mod greeting;
mod kinds;
mod lines;
mod random;
mod silence;

use async_op::net::pipeline::Pipeline;
use async_op::{IoExecutor, Operation};

use lines::{Ask, Lines, Reply, Request, Server, Token};

/// A client, and what shows that all it was given is gone.
struct Client {
    pipeline: Pipeline<Lines>,
    token: Token,
}

type Answer = fn(std::io::Result<Reply>);

impl Client {
    fn of(executor: &IoExecutor, server: &Server) -> Self {
        Self::with(executor, Lines::new(server.address))
    }

    fn with(executor: &IoExecutor, lines: Lines) -> Self {
        Self {
            pipeline: Pipeline::new(executor, lines),
            token: Token::default(),
        }
    }

    fn make(&self, ask: Ask) -> Request {
        Request(ask, self.token.clone())
    }

    fn ask(&self, ask: Ask) -> Operation<Answer, impl async_op::Initiation<Answer> + use<>> {
        self.pipeline.request(self.make(ask))
    }

    fn echo(&self, text: &str) -> String {
        self.ask(Ask::Echo(text.into())).blocking().unwrap().0
    }
}
