//! How important a message is (M01).

/// A message's level: a number, five of which have names.
///
/// ```
/// use cloakroom_core::messages::Level;
///
/// assert_eq!(Level::SUCCESS.tag(), "success");
/// assert_eq!(Level(27).tag(), "");
/// assert!(Level::DEBUG < Level::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub i64);

impl Level {
    /// For developers; dropped unless the level asked for is lowered.
    pub const DEBUG: Self = Self(10);
    /// Something to know. `MESSAGE_LEVEL` where nothing is set.
    pub const INFO: Self = Self(20);
    /// What was asked for was done.
    pub const SUCCESS: Self = Self(25);
    /// Something may go wrong.
    pub const WARNING: Self = Self(30);
    /// What was asked for was not done.
    pub const ERROR: Self = Self(40);

    /// The word that pages use as a class; empty for a level without a name.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::DEBUG => "debug",
            Self::INFO => "info",
            Self::SUCCESS => "success",
            Self::WARNING => "warning",
            Self::ERROR => "error",
            _ => "",
        }
    }
}

/// [`Level::INFO`].
impl Default for Level {
    fn default() -> Self {
        Self::INFO
    }
}

impl From<i64> for Level {
    fn from(level: i64) -> Self {
        Self(level)
    }
}
