use allocator_api2::vec::Vec;
use async_op::Recycling;

/// A command, or several that nothing comes between, as they go over the wire.
///
/// In recycled memory: a command costs no heap allocation.
pub struct Command {
    pub(super) bytes: Vec<u8, Recycling>,
    /// How many replies it has. The last one is the result.
    pub(super) replies: u32,
    /// Whether messages follow.
    pub(super) subscribes: bool,
}

impl Command {
    /// Begins a command of `arguments` arguments, its name among them.
    pub fn new(arguments: usize) -> Self {
        let mut bytes = Vec::with_capacity_in(96, Recycling);
        header(&mut bytes, b'*', arguments as u64);
        Self {
            bytes,
            replies: 1,
            subscribes: false,
        }
    }

    pub fn arg(mut self, argument: impl Argument) -> Self {
        argument.with_bytes(|argument| {
            header(&mut self.bytes, b'$', argument.len() as u64);
            self.bytes.extend_from_slice(argument);
            self.bytes.extend_from_slice(b"\r\n");
        });
        self
    }

    pub fn args<A: Argument>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn subscribing(mut self) -> Self {
        self.subscribes = true;
        self
    }

    /// Adds a command, whose replies come after those of this one.
    pub fn and(mut self, next: &Self) -> Self {
        self.bytes.extend_from_slice(&next.bytes);
        self.replies += next.replies;
        self
    }
}

/// Makes a [`Command`] of its words: `command!["SET", key, value]`.
#[macro_export]
macro_rules! command {
    ($($argument:expr),+ $(,)?) => {
        $crate::client::Command::new([$(stringify!($argument)),+].len())$(.arg($argument))+
    };
}

/// An argument of a command.
pub trait Argument {
    fn with_bytes(&self, visit: impl FnOnce(&[u8]));
}

impl Argument for &str {
    fn with_bytes(&self, visit: impl FnOnce(&[u8])) {
        visit(self.as_bytes());
    }
}

impl Argument for &[u8] {
    fn with_bytes(&self, visit: impl FnOnce(&[u8])) {
        visit(self);
    }
}

impl Argument for i64 {
    fn with_bytes(&self, visit: impl FnOnce(&[u8])) {
        let mut digits = Digits::new(self.unsigned_abs());
        if *self < 0 {
            digits.push(b'-');
        }
        visit(digits.as_bytes());
    }
}

fn header(bytes: &mut Vec<u8, Recycling>, kind: u8, number: u64) {
    bytes.push(kind);
    bytes.extend_from_slice(Digits::new(number).as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// A number in decimal, without the heap.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn new(mut number: u64) -> Self {
        let bytes = [0; 20];
        let start = bytes.len();
        let mut this = Self { bytes, start };
        loop {
            this.push(b'0' + (number % 10) as u8);
            number /= 10;
            if number == 0 {
                return this;
            }
        }
    }

    /// At the front.
    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
