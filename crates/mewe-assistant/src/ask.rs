//! What was asked, read off the owner's words. Forgiving in form, never guessing: what is not understood is asked back.

use crate::nearest::nearest;

/// The words that begin a request, as `help` writes them.
const WORDS: [&str; 4] = ["help", "threads", "catch up", "this is"];

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Called, without a word.
    Nothing,
    /// `help`.
    Help,
    /// `threads`.
    Threads,
    /// `catch up`, and on what.
    CatchUp(Scope),
    /// `this is Family`: the name, as it was written.
    NameThis(String),
    /// `2 is Family`: it is clear what is meant, but it has to be said in the thread itself.
    NameOther,
    /// None of these.
    Unknown {
        /// The one that may have been meant.
        nearest: Option<&'static str>,
    },
}

/// On what to catch up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// On everything.
    All,
    /// On the thread in which it is asked.
    Here,
    /// On the thread that is called so: a name, a number or an id.
    One(String),
}

/// Reads a request.
pub(crate) fn read(request: &str) -> Ask {
    let words: Vec<&str> = request.split_whitespace().collect();
    let lower: Vec<String> = words.iter().take(3).map(|word| bare(word).to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match lower.as_slice() {
        [] => Ask::Nothing,
        ["help", ..] => Ask::Help,
        ["threads", ..] => Ask::Threads,
        ["catch", "me", "up"] => Ask::CatchUp(scope(&words[3..])),
        ["catch", "up", ..] => Ask::CatchUp(scope(&words[2..])),
        ["catchup" | "catch-up", ..] => Ask::CatchUp(scope(&words[1..])),
        ["this", "is", ..] => Ask::NameThis(unquoted(words[2..].join(" ").trim_end_matches('.')).to_owned()),
        [number, "is", _] if number.parse::<u32>().is_ok() => Ask::NameOther,
        _ => Ask::Unknown { nearest: meant(&lower) },
    }
}

/// The scope that these words mean behind `catch up`.
fn scope(words: &[&str]) -> Scope {
    let words = match words {
        ["on" | "in" | "with", rest @ ..] if !rest.is_empty() => rest,
        words => words,
    };
    let which = words.join(" ");
    let which = unquoted(bare(&which));
    match which.to_lowercase().as_str() {
        "" | "all" | "everything" | "everywhere" | "please" => Scope::All,
        "here" | "this" | "this thread" => Scope::Here,
        _ => Scope::One(which.to_owned()),
    }
}

/// Whether `name` behind `catch up` would mean something else than the thread called so.
pub(crate) fn is_reserved(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    !matches!(scope(&words), Scope::One(_))
}

/// The word that may have been meant: by the first word, or the first two.
fn meant(lower: &[&str]) -> Option<&'static str> {
    let first = lower.first().copied().unwrap_or_default();
    let two = lower.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    nearest(&two, WORDS).or_else(|| nearest(first, WORDS))
}

/// Without the marks that end a sentence.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ':', '!', '?'])
}

/// Without one pair of quotation marks around it.
fn unquoted(text: &str) -> &str {
    let pairs = [("“", "”"), ("„", "“"), ("\"", "\""), ("'", "'"), ("«", "»")];
    let inner = |(open, close): (&str, &str)| text.strip_prefix(open)?.strip_suffix(close);
    pairs.into_iter().find_map(inner).map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_help_writes_is_understood() {
        assert_eq!(read(""), Ask::Nothing);
        assert_eq!(read(" \n "), Ask::Nothing);
        assert_eq!(read("Help!"), Ask::Help);
        assert_eq!(read("threads"), Ask::Threads);
        assert_eq!(read("catch up"), Ask::CatchUp(Scope::All));
        assert_eq!(read("Catch me up."), Ask::CatchUp(Scope::All));
        assert_eq!(read("catch up here"), Ask::CatchUp(Scope::Here));
        assert_eq!(read("this is Family"), Ask::NameThis("Family".to_owned()));
        assert_eq!(read("2 is Family"), Ask::NameOther);
    }

    #[test]
    fn a_scope_is_a_name_of_any_length() {
        let one = |name: &str| Ask::CatchUp(Scope::One(name.to_owned()));
        assert_eq!(read("catch up Family"), one("Family"));
        assert_eq!(read("catchup 2"), one("2"));
        assert_eq!(read("catch  up\non the “Long Walk”?"), one("the “Long Walk”"));
        assert_eq!(read("catch me up on “Long Walk”"), one("Long Walk"));
    }

    #[test]
    fn a_name_keeps_its_case_and_loses_its_quotes() {
        assert_eq!(read("This is  the \"Long  Walk\""), Ask::NameThis("the \"Long Walk\"".to_owned()));
        assert_eq!(read("this is “Long Walk”."), Ask::NameThis("Long Walk".to_owned()));
        assert_eq!(read("this is"), Ask::NameThis(String::new()));
    }

    #[test]
    fn what_is_close_is_suggested_and_not_done() {
        assert_eq!(read("cach up Family"), Ask::Unknown { nearest: Some("catch up") });
        assert_eq!(read("thread"), Ask::Unknown { nearest: Some("threads") });
        assert_eq!(read("thsi is Family"), Ask::Unknown { nearest: Some("this is") });
        assert_eq!(read("what a day"), Ask::Unknown { nearest: None });
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>(), tail in "(help|threads|catch up|this is|[0-9]{1,12} is|[“\"'» ]){0,3}.{0,20}") {
            read(&text);
            read(&tail);
            is_reserved(&text);
        }
    }
}
