use std::io;

use super::CompletionCondition;

/// How far a transfer of several steps has come.
#[derive(Debug)]
pub(super) struct Steps<C> {
    condition: C,
    bytes: usize,
    /// Where this step ends at the latest, once the condition has been asked.
    end: Option<usize>,
}

impl<C: CompletionCondition> Steps<C> {
    pub(super) fn new(condition: C) -> Self {
        Self {
            condition,
            bytes: 0,
            end: None,
        }
    }

    /// Returns how much is done, and where the next step ends at the latest; nothing if the
    /// condition says that it is enough.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(usize, usize)> {
        let (bytes, condition) = (self.bytes, &mut self.condition);
        let next = || bytes.saturating_add(condition.more(bytes));
        let end = *self.end.get_or_insert_with(next);
        (end != bytes).then_some((bytes, end))
    }

    /// Takes note of a step of `n` bytes.
    ///
    /// # Errors
    ///
    /// `end`, if that is none.
    #[inline]
    pub(super) fn advance(&mut self, n: usize, end: io::ErrorKind) -> io::Result<()> {
        if n == 0 {
            return Err(end.into());
        }
        self.bytes += n;
        self.end = None;
        Ok(())
    }

    /// Returns whether there is a step after one that has failed.
    pub(super) fn go_on_after(&mut self, error: &io::Error) -> bool {
        let more = self.condition.more_after(error, self.bytes);
        self.end = Some(self.bytes.saturating_add(more));
        more != 0
    }

    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
