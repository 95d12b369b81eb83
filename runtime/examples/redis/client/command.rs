use allocator_api2::vec::Vec;
use async_op::alloc::Recycling;

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
    channels: Channels,
    /// Why it cannot be sent.
    flaw: Option<Flaw>,
}

/// Which channels a command begins or ends to listen to: each has a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channels {
    NotAbout,
    /// In each command of several, too.
    OneAtMost,
    /// The server may refuse all with one reply.
    Several,
}

/// What a client whose requests have replies cannot ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// `MONITOR`, `SCRIPT DEBUG` and the like: what follows is no replies.
    Endless,
    /// `CLIENT REPLY`: there is none.
    Silent,
    /// `UNSUBSCRIBE` from all channels: nobody knows how many that is.
    NoChannel,
    /// About channels, in a transaction.
    InTransaction,
    /// About several channels, among other commands: nobody knows how many replies.
    Several,
    /// `HELLO` and `RESET`: what replies look like is a matter of the configuration.
    Protocol,
}

impl Flaw {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Endless => "a command that replies for ever needs a connection of its own",
            Self::Silent => "a command without a reply cannot be told from others",
            Self::NoChannel => "name the channels: there is a reply for each",
            Self::InTransaction => "a transaction does not change subscriptions",
            Self::Several => "among other commands one is about one channel",
            Self::Protocol => "what a connection speaks is said in its configuration",
        }
    }
}

/// With it a command has 96 bytes; what is larger is slower to move.
const SHORT: usize = 64;
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Command>() == 96);

impl Command {
    /// No command yet.
    fn none() -> Self {
        Self {
            short: [0; SHORT],
            short_len: 0,
            long: Vec::new_in(Recycling),
            replies: 0,
            collects: false,
            channels: Channels::NotAbout,
            flaw: None,
        }
    }

    /// Begins a command; its arguments follow.
    pub fn new(name: impl Argument) -> Self {
        let mut command = Self::none();
        command.room(4).copy_from_slice(b"*0\r\n");
        name.with_bytes(|name| {
            if is_about_channels(name) {
                command.channels = Channels::OneAtMost;
            }
            command.flaw = flaw_of(name);
            command.push_bytes(name);
        });
        command.replies = u32::from(!command.is_about_channels());
        command
    }

    /// The same of one that goes first on a connection, where it may say what that speaks.
    pub(super) fn in_greeting(name: &str) -> Self {
        Self {
            flaw: None,
            ..Self::new(name)
        }
    }

    pub fn arg(mut self, argument: impl Argument) -> Self {
        self.push(argument);
        self
    }

    pub fn push(&mut self, argument: impl Argument) {
        argument.with_bytes(|argument| {
            if self.is_about_channels() {
                if self.replies > 0 {
                    self.channels = Channels::Several;
                }
                self.replies += 1;
            }
            if argument.len() == 5 {
                self.flaw = flaw_of_both(self.as_bytes(), argument).or(self.flaw);
            }
            self.push_bytes(argument);
        });
    }

    fn push_bytes(&mut self, argument: &[u8]) {
        self.count_one_more();
        let header = Header::new(argument.len() as u64);
        let room = self.room(header.len() + argument.len() + 2);
        let (start, rest) = room.split_at_mut(header.len());
        header.write(start);
        let (middle, end) = rest.split_at_mut(argument.len());
        middle.copy_from_slice(argument);
        end.copy_from_slice(b"\r\n");
    }

    /// Adds one to the number in the first line.
    #[inline]
    fn count_one_more(&mut self) {
        let bytes = self.bytes_mut();
        if bytes[2] == b'\r' && bytes[1] < b'9' {
            bytes[1] += 1;
        } else {
            self.count_beyond_nine();
        }
    }

    #[inline(never)]
    fn count_beyond_nine(&mut self) {
        let bytes = self.bytes_mut();
        let digits = bytes.iter().position(|&byte| byte == b'\r').unwrap_or(1);
        for digit in bytes[1..digits].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        // 99 is followed by 100.
        self.room(1);
        let bytes = self.bytes_mut();
        bytes.copy_within(1..bytes.len() - 1, 2);
        bytes[1] = b'1';
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

    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.long.is_empty() {
            &mut self.short[..usize::from(self.short_len)]
        } else {
            &mut self.long
        }
    }

    /// Makes one of several, each with a reply of its own.
    pub(super) fn all(commands: &[Self]) -> Self {
        let mut none = Self {
            collects: true,
            ..Self::none()
        };
        let len: usize = commands.iter().map(|it| it.as_bytes().len()).sum();
        if len > SHORT {
            none.long.reserve(len);
        }
        commands.iter().fold(none, Self::and)
    }

    /// Makes one of several, which are carried out together.
    pub(super) fn transaction(commands: &[Self]) -> Self {
        let mut all = commands.iter().fold(Self::new("MULTI"), Self::and);
        if commands.iter().any(Self::is_about_channels) {
            all.flaw = Some(Flaw::InTransaction);
        }
        all.and(&Self::new("EXEC"))
    }

    /// Adds a command, whose replies come after those of this one. No arguments follow.
    pub fn and(mut self, next: &Self) -> Self {
        let next_bytes = next.as_bytes();
        self.room(next_bytes.len()).copy_from_slice(next_bytes);
        let both = [self.channels, next.channels];
        let several = both.contains(&Channels::Several);
        let several = several.then_some(Flaw::Several);
        self.flaw = self.flaw().or(next.flaw()).or(several);
        self.replies += next.replies;
        if next.is_about_channels() {
            self.channels = next.channels;
        }
        self
    }

    /// Returns why it cannot be sent.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        let needs_one = self.is_about_channels() && self.replies == 0;
        self.flaw.or(needs_one.then_some(Flaw::NoChannel))
    }

    /// Returns whether it begins or ends subscriptions.
    pub(super) fn is_about_channels(&self) -> bool {
        self.channels != Channels::NotAbout
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
    ($name:expr $(, $argument:expr)* $(,)?) => {{
        #[allow(unused_mut, reason = "there may be no arguments")]
        let mut command = $crate::client::Command::new($name);
        $(command.push($argument);)*
        command
    }};
}

fn is_about_channels(name: &[u8]) -> bool {
    const SUFFIX: &[u8] = b"SUBSCRIBE";
    let Some(start) = name.len().checked_sub(SUFFIX.len()) else {
        return false;
    };
    let (prefix, suffix) = name.split_at(start);
    let prefixes: [&[u8]; 6] = [b"", b"P", b"S", b"UN", b"PUN", b"SUN"];
    suffix.eq_ignore_ascii_case(SUFFIX) && prefixes.iter().any(|it| prefix.eq_ignore_ascii_case(it))
}

fn flaw_of(name: &[u8]) -> Option<Flaw> {
    let (other, flaw): (&[u8], _) = match name.len() {
        4 => (b"SYNC", Flaw::Endless),
        5 if matches!(name[0], b'P' | b'p') => (b"PSYNC", Flaw::Endless),
        5 if matches!(name[0], b'H' | b'h') => (b"HELLO", Flaw::Protocol),
        5 => (b"RESET", Flaw::Protocol),
        7 => (b"MONITOR", Flaw::Endless),
        8 => (b"REPLCONF", Flaw::Silent),
        _ => return None,
    };
    name.eq_ignore_ascii_case(other).then_some(flaw)
}

/// The same of a name and the first argument.
fn flaw_of_both(before: &[u8], argument: &[u8]) -> Option<Flaw> {
    let is = |name: &[u8], first: &[u8]| {
        argument.eq_ignore_ascii_case(first) && before.eq_ignore_ascii_case(name)
    };
    if is(b"*1\r\n$6\r\nCLIENT\r\n", b"REPLY") {
        return Some(Flaw::Silent);
    }
    is(b"*1\r\n$6\r\nSCRIPT\r\n", b"DEBUG").then_some(Flaw::Endless)
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

/// What comes before a string.
enum Header {
    /// Most are of this kind: a number below 10.
    Short([u8; 4]),
    Long(Digits),
}

impl Header {
    #[inline]
    fn new(number: u64) -> Self {
        if number < 10 {
            return Self::Short([b'$', b'0' + number as u8, b'\r', b'\n']);
        }
        Self::Long(Digits::new(number))
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Short(header) => header.len(),
            Self::Long(digits) => digits.as_bytes().len() + 3,
        }
    }

    #[inline]
    fn write(&self, to: &mut [u8]) {
        match self {
            Self::Short(header) => to.copy_from_slice(header),
            Self::Long(digits) => {
                let digits = digits.as_bytes();
                to[0] = b'$';
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
