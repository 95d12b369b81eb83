use std::fmt;
use std::ops::{BitAnd, BitOr};

/// How much of its effect a cancelled operation may leave behind.
///
/// The three types are Asio's. A request is for an end of at least this quality: an
/// operation that can give a stronger guarantee honours a request for a weaker one
/// too, and one that cannot give it goes on as if nothing had been asked. So
/// [`TERMINAL`](Self::TERMINAL) ends everything, and [`TOTAL`](Self::TOTAL) only what
/// can end as if it had never begun.
///
/// ```
/// use async_op::cancel::CancellationType;
///
/// let asked = CancellationType::PARTIAL | CancellationType::TERMINAL;
/// assert!(asked.contains(CancellationType::TERMINAL));
/// assert_eq!(CancellationType::PARTIAL.and_weaker(), asked);
/// assert_eq!(CancellationType::TOTAL.and_weaker(), CancellationType::ALL);
/// ```
#[doc(alias = "cancellation_type")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CancellationType(u8);

impl CancellationType {
    /// The state of the object is unspecified afterwards; it can only be
    /// closed or dropped.
    pub const TERMINAL: Self = Self(1);
    /// The operation may have done part of its work, and says how much.
    pub const PARTIAL: Self = Self(2);
    /// The operation has had no effect.
    pub const TOTAL: Self = Self(4);

    /// All of them.
    pub const ALL: Self = Self(7);

    /// Returns whether this is none of them.
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    ///
    /// assert!(CancellationType::default().is_empty());
    /// assert!(!CancellationType::TOTAL.is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns this and every weaker type: what an operation that can give this
    /// guarantee honours.
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    ///
    /// let honoured = CancellationType::PARTIAL.and_weaker();
    /// assert!(honoured.contains(CancellationType::TERMINAL));
    /// assert!(!honoured.contains(CancellationType::TOTAL));
    /// ```
    pub const fn and_weaker(self) -> Self {
        match self.0 {
            0 => self,
            1 => Self::TERMINAL,
            2 | 3 => Self(3),
            _ => Self::ALL,
        }
    }

    /// Returns what of `self` is not in `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether `self` includes all of `other`.
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    ///
    /// assert!(CancellationType::ALL.contains(CancellationType::PARTIAL));
    /// assert!(!CancellationType::TERMINAL.contains(CancellationType::ALL));
    /// ```
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for CancellationType {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for CancellationType {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for CancellationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (bit, name) in [
            (Self::TERMINAL, "terminal"),
            (Self::PARTIAL, "partial"),
            (Self::TOTAL, "total"),
        ] {
            if self.contains(bit) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}
