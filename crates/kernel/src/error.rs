//! The one error type of the kernel.

use std::fmt;

/// What went wrong, in the terms that the caller must tell apart.
#[derive(Debug)]
pub enum Error {
    /// Bytes that do not hold what their name or their place promises: wrong hash, failed MAC,
    /// malformed JSON or header. Holds a sentence without a final stop.
    Damaged(String),
    /// A budget was exceeded before the input could be judged (`docs/threat-model.md` B-1 to B-5).
    TooLarge {
        /// What was too large.
        what: String,
        /// The budget, in the unit that `what` names.
        limit: u64,
    },
    /// The key does not open this envelope: the MAC of the ciphertext is another one.
    WrongKey,
    /// Something that this version does not handle, such as a repository version.
    Unsupported(String),
    /// The operating system said no. Holds what was tried, and to what.
    Io {
        /// What was tried, and to what.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The caller asked for bytes and none came: the other side said why.
    Unavailable(String),
    /// The run was cancelled by its owner.
    Cancelled,
    /// A broken invariant of our own: a panic that was caught, an impossible state.
    Internal(String),
}

/// A result whose error is the kernel's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Bytes that do not hold what they promise.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// An answer of the operating system with what was tried.
    pub fn io(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }

    /// Whether the system says that there is nothing of that name.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// A budget that was exceeded.
    pub fn too_large(what: impl Into<String>, limit: u64) -> Self {
        Self::TooLarge { what: what.into(), limit }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Unsupported(what) | Self::Unavailable(what) => f.write_str(what),
            Self::TooLarge { what, limit } => write!(f, "{what} exceeds the limit of {limit}"),
            Self::WrongKey => f.write_str("ciphertext verification failed"),
            Self::Io { what, source } => {
                let answer = source.to_string();
                let number = source.raw_os_error().map(|number| format!(" (os error {number})"));
                let words = number.and_then(|number| answer.strip_suffix(&number)).unwrap_or(&answer);
                write!(f, "{what}: {words}")
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::Internal(what) => write!(f, "internal error: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_answer_is_told_in_words_alone() {
        let missing = Error::io("open /a", std::io::Error::from_raw_os_error(2));
        assert_eq!(missing.to_string(), "open /a: No such file or directory");
        let other = Error::io("read /a", std::io::Error::other("it ended (early)"));
        assert_eq!(other.to_string(), "read /a: it ended (early)");
    }
}
