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
        let next = || match condition.more(bytes) {
            usize::MAX => usize::MAX,
            most => bytes.saturating_add(most),
        };
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

    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
