//! Every way in which the program ends: three exit codes, and an error that says what to do.

use std::process::ExitCode;

/// What a script may build upon. The table stands in `mewe-agent --help` and in docs/exit-codes.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The work is done; `verify`: the signature is right.
    Done = 0,
    /// It failed, or was refused; `verify`: rejected.
    Refused = 1,
    /// The command line, the environment or a settings file is not as it should be. Nothing was begun.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended without having done its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to tell: what is wrong, and perhaps what to do.
    Told {
        /// With which code the program ends.
        exit: Exit,
        /// One sentence.
        message: String,
        /// What a person can do.
        hint: Option<String>,
    },
    /// Whoever read our standard output has left, as `head` does. Nobody is there to be told, and nothing is wrong.
    ReaderLeft,
}

#[expect(clippy::needless_pass_by_value, reason = "so that `map_err` takes these as they are")]
impl Failure {
    /// It did not work out, or the other side refused.
    pub(crate) fn refused(message: impl ToString) -> Self {
        Self::Told { exit: Exit::Refused, message: message.to_string(), hint: None }
    }

    /// What was asked for cannot be understood or lacks something.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::Told { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// Adds what a person can do.
    #[must_use]
    pub(crate) fn hint(self, words: impl ToString) -> Self {
        match self {
            Self::Told { exit, message, .. } => Self::Told { exit, message, hint: Some(words.to_string()) },
            Self::ReaderLeft => Self::ReaderLeft,
        }
    }
}
