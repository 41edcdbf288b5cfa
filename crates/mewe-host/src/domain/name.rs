//! Names of people, agents, threads and applications.

use std::{fmt, str::FromStr};

/// The most characters of a name, counted as Unicode scalar values after trimming.
const MAX_CHARS: usize = 100;

/// A name: 1 to 100 characters, trimmed. What is in it is its owner's business; whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_CHARS} characters")]
pub(crate) struct NameError;

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().nth(MAX_CHARS).is_none();
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_a_hundred_characters_after_trimming() {
        assert_eq!("  Pétur\n".parse::<Name>().map(|n| n.0), Ok("Pétur".to_owned()));
        assert_eq!(" \t ".parse::<Name>(), Err(NameError));
        assert!("ð".repeat(100).parse::<Name>().is_ok());
        assert_eq!("ð".repeat(101).parse::<Name>(), Err(NameError));
    }
}
