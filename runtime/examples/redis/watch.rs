use std::io::{self, Write};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Ends the program when it does not get on: for work of others, which cannot be told
/// to give up.
pub(crate) struct Watch {
    touched: Arc<Mutex<Instant>>,
}

impl Watch {
    /// Watches; calls `before_end` before it ends the program.
    pub(crate) fn new(
        limit: Duration,
        before_end: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let touched = Arc::new(Mutex::new(Instant::now()));
        let watched = Arc::downgrade(&touched);
        thread::Builder::new().spawn(move || {
            while let Some(touched) = watched.upgrade() {
                let touched = *touched.lock().unwrap_or_else(PoisonError::into_inner);
                if touched.elapsed() > limit {
                    let _ = writeln!(io::stderr(), "\nnothing has been answered for {limit:?}");
                    before_end();
                    process::exit(2);
                }
                thread::sleep(Duration::from_millis(200));
            }
        })?;
        Ok(Self { touched })
    }

    /// Says that something has been done.
    pub(crate) fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}
