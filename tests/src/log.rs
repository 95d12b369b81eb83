use std::sync::{Arc, Mutex, PoisonError};

/// What happened, in order. A handle: clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Makes an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    pub fn push(&self, entry: impl Into<String>) {
        self.lock().push(entry.into());
    }

    /// Returns the entries since the last call, separated by spaces.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.lock()).join(" ")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
