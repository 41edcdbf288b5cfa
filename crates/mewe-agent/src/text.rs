//! What is said: quoting that never pings, and long texts in parts.

use mewe_protocol::{decided::MAX_TEXT_CHARS, mention};

pub use mewe_protocol::mention::render as mention;

/// Others' words, fit to be repeated: mentions are made plain, so that quoting somebody never pings anybody.
pub fn quote(text: &str) -> String {
    mention::plain(text)
}

/// Splits `text` into messages of at most 10,000 characters, at paragraph, sentence or word boundaries, in that order of
/// preference, and never inside a mention. Parts are trimmed; an empty text has no parts.
pub fn split(text: &str) -> Vec<String> {
    split_at(text, MAX_TEXT_CHARS)
}

fn split_at(text: &str, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = boundary(rest, most);
        let (part, more) = rest.split_at(end);
        let part = part.trim();
        if !part.is_empty() {
            parts.push(part.to_owned());
        }
        rest = more.trim_start();
    }
    parts
}

/// The byte at which the first part ends.
fn boundary(text: &str, most: usize) -> usize {
    let Some((limit, _)) = text.char_indices().nth(most) else { return text.len() };
    let limit = outside_mention(text, limit);
    let window = &text[..limit];
    // A part that would be less than a third of what fits is a worse break than one within a paragraph.
    let least = limit / 3;
    let paragraph = window.rfind("\n\n");
    let line = || window.rfind('\n');
    let sentence =
        || [". ", "! ", "? ", "… "].iter().filter_map(|mark| window.rfind(mark).map(|at| at + mark.len())).max();
    let word = || window.char_indices().rev().find(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let found = [paragraph, line(), sentence(), word()]
        .into_iter()
        .flatten()
        .map(|at| outside_mention(text, at))
        .find(|at| *at > least);
    found.or_else(word).map(|at| outside_mention(text, at)).filter(|at| *at > 0).unwrap_or(limit)
}

/// `at`, or the start of the mention that it would cut.
fn outside_mention(text: &str, at: usize) -> usize {
    let mut from = 0;
    for segment in mention::segments(text) {
        let len = segment.source().len();
        if from < at && at < from + len && matches!(segment, mention::Segment::Mention { .. }) {
            // A mention longer than a whole message cannot be kept together.
            return if from == 0 { at } else { from };
        }
        from += len;
        if from >= at {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_end_where_a_reader_would_pause() {
        assert_eq!(split_at("One. Two three. Four", 12), ["One.", "Two three.", "Four"]);
        assert_eq!(split_at("first para\n\nsecond", 14), ["first para", "second"]);
        assert_eq!(split_at("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert!(split_at(" \n ", 4).is_empty());
    }

    #[test]
    fn a_mention_is_never_cut() {
        let mention = mention("625568bf663e8f63481b04ab".parse().unwrap(), "Muad Dib");
        let text = format!("{} {mention} tail", "x".repeat(20));
        let parts = split_at(&text, 45);
        assert!(parts.iter().any(|part| part.contains(&mention)), "{parts:?}");
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_is_lost(text in "([a-zé.!? \n]|\\{\\{u_625568bf663e8f63481b04ab\\}Name\\}){0,60}", most in 1usize..50) {
            let parts = split_at(&text, most);
            let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&parts.concat()), bare(&text));
            for part in &parts {
                prop_assert!(part.chars().count() <= most && !part.is_empty());
            }
        }
    }
}
