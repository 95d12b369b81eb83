use std::io::{self, IsTerminal, Write};

/// Shows on a terminal how far long work has come.
pub(crate) struct Bar {
    all: u64,
    /// Whether anybody sees it.
    is_seen: bool,
}

impl Bar {
    pub(crate) fn new(all: u64) -> Self {
        let is_seen = io::stderr().is_terminal();
        let bar = Self { all, is_seen };
        bar.draw(0);
        bar
    }

    /// Draws it over the last one.
    pub(crate) fn draw(&self, done: u64) {
        const WIDTH: u64 = 40;
        if self.is_seen {
            let filled = WIDTH * done / self.all.max(1);
            let bar = (0..WIDTH).map(|n| if n < filled { '#' } else { '.' });
            let bar: String = bar.collect();
            let _ = write!(io::stderr(), "\r[{bar}] {done} of {}", self.all);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_seen {
            let _ = writeln!(io::stderr());
        }
    }
}
