use std::fmt;
use std::panic::Location;

use crate::cancel::CancellationType;

/// What is known of an operation at compile time: its name and its source.
///
/// `#[async_op]` makes one for each operation. Whoever writes an initiating
/// function by hand makes it a `static` or a `const`:
///
/// ```
/// use async_op::initiation::Meta;
///
/// const META: Meta = Meta::new("async_wait", &[], &[]);
/// assert_eq!(META.name(), "async_wait");
/// ```
#[derive(Clone, Copy)]
pub struct Meta {
    name: &'static str,
    location: &'static Location<'static>,
    copied: &'static [&'static str],
    borrowed: &'static [&'static str],
    honoured: CancellationType,
    waits_once: bool,
}

impl Meta {
    /// Describes the operation `name`, of whose parameters `copied` are
    /// copied and `borrowed` are borrowed until it completes.
    ///
    /// ```
    /// use async_op::initiation::Meta;
    ///
    /// static META: Meta = Meta::new("async_send", &["self"], &["buffer"]);
    /// assert_eq!(META.borrowed(), ["buffer"]);
    /// ```
    #[track_caller]
    pub const fn new(
        name: &'static str,
        copied: &'static [&'static str],
        borrowed: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            location: Location::caller(),
            copied,
            borrowed,
            honoured: CancellationType::TERMINAL,
            waits_once: false,
        }
    }

    /// Says that the future of the operation is over when it has been woken: it waits for one
    /// thing, and for nothing of the I/O executor after that.
    pub(crate) const fn waiting_once(mut self) -> Self {
        self.waits_once = true;
        self
    }

    pub(crate) const fn waits_once(&self) -> bool {
        self.waits_once
    }

    /// Says which requests to cancel the operation lets in: `guarantee` and
    /// every weaker type. Without this it is terminal requests alone, as an
    /// operation of several steps cannot take the first ones back.
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    /// use async_op::initiation::Meta;
    ///
    /// static META: Meta = Meta::new("async_wait", &[], &[]).with_cancellation(CancellationType::TOTAL);
    /// assert_eq!(META.honours(), CancellationType::ALL);
    /// ```
    pub const fn with_cancellation(mut self, guarantee: CancellationType) -> Self {
        self.honoured = guarantee.and_weaker();
        self
    }

    /// Returns which requests to cancel the operation lets in.
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    /// use async_op::initiation::Meta;
    ///
    /// static META: Meta = Meta::new("async_write", &[], &[]);
    /// assert_eq!(META.honours(), CancellationType::TERMINAL);
    /// ```
    pub const fn honours(&self) -> CancellationType {
        self.honoured
    }

    /// Returns the name of the initiating function.
    ///
    /// ```
    /// use async_op::initiation::Meta;
    ///
    /// const META: Meta = Meta::new("async_wait", &[], &[]);
    /// assert_eq!(META.name(), "async_wait");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where the operation is defined.
    ///
    /// ```
    /// use async_op::initiation::Meta;
    ///
    /// const META: Meta = Meta::new("async_wait", &[], &[]);
    /// assert_eq!(META.location().file(), file!());
    /// ```
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns the parameters that are copied when the operation is made.
    ///
    /// ```
    /// use async_op::initiation::Meta;
    ///
    /// const META: Meta = Meta::new("async_send", &["self"], &["buffer"]);
    /// assert_eq!(META.copied(), ["self"]);
    /// ```
    pub const fn copied(&self) -> &'static [&'static str] {
        self.copied
    }

    /// Returns the parameters that are borrowed until the operation completes.
    ///
    /// ```
    /// use async_op::initiation::Meta;
    ///
    /// const META: Meta = Meta::new("async_send", &["self"], &["buffer"]);
    /// assert_eq!(META.borrowed(), ["buffer"]);
    /// ```
    pub const fn borrowed(&self) -> &'static [&'static str] {
        self.borrowed
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.location)
    }
}
