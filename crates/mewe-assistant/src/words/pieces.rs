//! Pieces of sentences: others' words made short and harmless, lists that end, times.

use jiff::Timestamp;
use mewe_agent::text;

/// Cuts at `most` characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// In one line, without what is not seen: control characters, and those that turn the direction of what follows.
pub(crate) fn one_line(text: &str) -> String {
    let text = text::quote(text);
    let seen: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| is_seen(*c)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_seen(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Somebody's words in one line of at most `most` characters and an ellipsis.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    cut(&one_line(text), most)
}

/// Somebody's words at length, each line behind `>`.
pub(super) fn cited(text: &str, most: usize) -> String {
    let text = cut(text::quote(text).trim(), most);
    let lines = text.lines().map(one_line).filter(|line| !line.is_empty());
    lines.map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

/// The first `most`, and how many more there are.
pub(super) fn some_of(items: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let more = items.len().saturating_sub(most);
    let mut shown: Vec<String> = items.take(most).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}

/// `a, b, c and 2 more`
pub(super) fn list(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let shown = items.take(most).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// How long ago, in the one unit that tells. What a wrong clock puts into the future is just now.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.as_second().saturating_sub(at.as_second()) / 60;
    match minutes {
        ..1 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..1_440 => format!("{} h ago", minutes / 60),
        1_440..2_880 => "a day ago".to_owned(),
        _ => format!("{} days ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_seen_is_left_out() {
        assert_eq!(one_line(" a\n\tb\u{202e}c\u{7} \u{feff} d"), "a bc d");
        assert_eq!(excerpt("Þetta er langt", 6), "Þetta…");
        assert_eq!(cited("a\n\n b \r\n c", 100), "> a\n> b\n> c");
    }

    #[test]
    fn a_time_is_told_in_one_unit() {
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        let told = |seconds: i64| ago(Timestamp::from_second(1_764_000_000 - seconds).unwrap(), now);
        let all = [-500, 59, 60, 3_599, 3_600, 86_399, 86_400, 172_800].map(told);
        let expected =
            ["just now", "just now", "1 min ago", "59 min ago", "1 h ago", "23 h ago", "a day ago", "2 days ago"];
        assert_eq!(all, expected);
        assert!(ago(Timestamp::MIN, Timestamp::MAX).ends_with(" days ago"));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_in_one_line(text in any::<String>(), most in 0usize..50) {
            let excerpt = excerpt(&text, most);
            prop_assert!(excerpt.chars().count() <= most + 1);
            let is_one_line = !excerpt.contains(['\n', '\r', '\u{85}', '\u{2028}']);
            prop_assert!(is_one_line, "{:?}", excerpt);
            cited(&text, most);
        }
    }
}
