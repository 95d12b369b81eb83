use allocator_api2::vec::Vec;
use async_op::Recycling;

/// A command, or several that nothing comes between, as they go over the wire.
///
/// Short ones are in here, long ones in recycled memory: a command costs no heap
/// allocation.
pub struct Command {
    short: [u8; SHORT],
    short_len: u8,
    /// Where all of it is if it is long.
    long: Vec<u8, Recycling>,
    /// How many replies it has. The last one is the result, or all of them are.
    pub(super) replies: u32,
    pub(super) collects: bool,
    /// Whether messages follow.
    pub(super) subscribes: bool,
}

/// With it a command has 112 bytes; what is much larger is slower to move.
const SHORT: usize = 80;

/// Nothing yet.
impl Default for Command {
    fn default() -> Self {
        Self {
            short: [0; SHORT],
            short_len: 0,
            long: Vec::new_in(Recycling),
            replies: 0,
            collects: false,
            subscribes: false,
        }
    }
}

impl Command {
    /// Begins a command of `arguments` arguments, its name among them.
    pub fn new(arguments: usize) -> Self {
        let mut command = Self {
            replies: 1,
            ..Self::default()
        };
        let header = Header::new(b'*', arguments as u64);
        header.write(command.room(header.len()));
        command
    }

    pub fn arg(mut self, argument: impl Argument) -> Self {
        self.push(argument);
        self
    }

    pub fn push(&mut self, argument: impl Argument) {
        argument.with_bytes(|argument| {
            let header = Header::new(b'$', argument.len() as u64);
            let room = self.room(header.len() + argument.len() + 2);
            let (start, rest) = room.split_at_mut(header.len());
            header.write(start);
            let (middle, end) = rest.split_at_mut(argument.len());
            middle.copy_from_slice(argument);
            end.copy_from_slice(b"\r\n");
        });
    }

    pub fn args<A: Argument>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub fn as_bytes(&self) -> &[u8] {
        if self.long.is_empty() {
            &self.short[..usize::from(self.short_len)]
        } else {
            &self.long
        }
    }

    /// Makes one of several, each with a reply of its own.
    pub(super) fn all(commands: &[Self]) -> Self {
        let mut none = Self {
            collects: true,
            ..Self::default()
        };
        let len: usize = commands.iter().map(|it| it.as_bytes().len()).sum();
        if len > SHORT {
            none.long.reserve(len);
        }
        commands.iter().fold(none, Self::and)
    }

    pub(super) fn subscribing(mut self) -> Self {
        self.subscribes = true;
        self
    }

    /// Adds a command, whose replies come after those of this one.
    pub fn and(mut self, next: &Self) -> Self {
        let next_bytes = next.as_bytes();
        self.room(next_bytes.len()).copy_from_slice(next_bytes);
        self.replies += next.replies;
        self
    }

    /// Makes the command longer by so many bytes; returns where they are.
    #[inline]
    fn room(&mut self, more: usize) -> &mut [u8] {
        let start = usize::from(self.short_len);
        if self.long.is_empty() && start + more <= SHORT {
            self.short_len += more as u8;
            return &mut self.short[start..start + more];
        }
        self.long_room(more)
    }

    #[inline(never)]
    fn long_room(&mut self, more: usize) -> &mut [u8] {
        if self.long.is_empty() {
            self.long
                .extend_from_slice(&self.short[..usize::from(self.short_len)]);
        }
        let start = self.long.len();
        self.long.resize(start + more, 0);
        &mut self.long[start..]
    }
}

/// Makes a [`Command`] of its words: `command!["SET", key, value]`.
#[macro_export]
macro_rules! command {
    ($($argument:expr),+ $(,)?) => {
{
        let mut command = $crate::client::Command::new([$(stringify!($argument)),+].len());
        $(command.push($argument);)+
        command
    }    };
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

/// What comes before an array or a string.
enum Header {
    /// Most are of this kind: a number below 10.
    Short([u8; 4]),
    Long(u8, Digits),
}

impl Header {
    #[inline]
    fn new(kind: u8, number: u64) -> Self {
        if number < 10 {
            return Self::Short([kind, b'0' + number as u8, b'\r', b'\n']);
        }
        Self::Long(kind, Digits::new(number))
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Short(header) => header.len(),
            Self::Long(_, digits) => digits.as_bytes().len() + 3,
        }
    }

    #[inline]
    fn write(&self, to: &mut [u8]) {
        match self {
            Self::Short(header) => to.copy_from_slice(header),
            Self::Long(kind, digits) => {
                let digits = digits.as_bytes();
                to[0] = *kind;
                to[1..=digits.len()].copy_from_slice(digits);
                to[digits.len() + 1..].copy_from_slice(b"\r\n");
            }
        }
    }
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
