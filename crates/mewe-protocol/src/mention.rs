//! Mentions in a text: `{{u_<userId>}Name}`.
//!
//! The id decides, the name is decoration. Read generously (docs/wire.md, D15): one `@` before it and U+FEFF around it belong
//! to it, a name is anything without braces and line breaks, and what does not parse stays text. Written as the page writes.

use crate::UserId;

const OPEN: &str = "{{u_";
const MARK: char = '\u{feff}';
/// How many mentions within mentions are read.
const MAX_NESTING: usize = 4;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Words.
    Text(&'a str),
    /// A mention.
    Mention {
        /// Who is mentioned.
        user: UserId,
        /// The name as written there.
        name: &'a str,
        /// The whole of it, with what belongs to it.
        source: &'a str,
    },
}

impl<'a> Segment<'a> {
    /// This part of the text as it stands there.
    pub fn source(&self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Mention { source, .. } => source,
        }
    }
}

/// The parts of `text`, in order; their sources make up the text again.
pub fn segments(text: &str) -> impl Iterator<Item = Segment<'_>> {
    Segments { rest: text, next: None }
}

struct Segments<'a> {
    rest: &'a str,
    next: Option<Segment<'a>>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        if let Some(mention) = self.next.take() {
            return Some(mention);
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = self.rest[from..].find(OPEN).map(|at| from + at) {
            if let Some((user, name, end)) = parse(self.rest, at) {
                let start = before(self.rest, at);
                let end = if self.rest[end..].starts_with(MARK) { end + MARK.len_utf8() } else { end };
                let (text, tail) = self.rest.split_at(start);
                let (source, tail) = tail.split_at(end - start);
                self.rest = tail;
                let mention = Segment::Mention { user, name, source };
                if text.is_empty() {
                    return Some(mention);
                }
                self.next = Some(mention);
                return Some(Segment::Text(text));
            }
            from = at + OPEN.len();
        }
        Some(Segment::Text(std::mem::take(&mut self.rest)))
    }
}

/// A mention whose `{{u_` is at `at`: who, the name, and the byte after it.
fn parse(text: &str, at: usize) -> Option<(UserId, &str, usize)> {
    let id_at = at + OPEN.len();
    let user = text.get(id_at..id_at + 24)?.parse().ok()?;
    let name_at = id_at + 25;
    if text.as_bytes().get(id_at + 24) != Some(&b'}') {
        return None;
    }
    let name_end = name_at + text[name_at..].find(['{', '}', '\n', '\r'])?;
    (text.as_bytes()[name_end] == b'}').then(|| (user, &text[name_at..name_end], name_end + 1))
}

/// Where the mention begins with what belongs to it: U+FEFF, `@`.
fn before(text: &str, at: usize) -> usize {
    let head = &text[..at];
    let head = head.strip_suffix(MARK).unwrap_or(head);
    let head = head.strip_suffix('@').unwrap_or(head);
    let head = head.strip_suffix(MARK).unwrap_or(head);
    head.len()
}

/// Whether `text` mentions `user`.
pub fn mentions(text: &str, user: UserId) -> bool {
    segments(text).any(|segment| matches!(segment, Segment::Mention { user: found, .. } if found == user))
}

/// `text` as a person reads it, each mention as its name. What comes out mentions nobody, whatever went in, so that what is
/// quoted from others pings nobody.
///
/// A name that holds a mention (which occurs) becomes readable from the inside out. A text crafted to go on like that loses
/// its braces.
///
/// ```
/// use mewe_protocol::mention;
///
/// assert_eq!(mention::plain("Hey @{{u_625568bf663e8f63481b04ab}MuadDib!} How's going?"), "Hey MuadDib! How's going?");
/// ```
pub fn plain(text: &str) -> String {
    let mut out = unwrapped(text);
    for _ in 0..MAX_NESTING {
        if !has_mention(&out) {
            return out;
        }
        out = unwrapped(&out);
    }
    if has_mention(&out) {
        // Without braces there is no mention. Not one layer after the other: that would be quadratic in a hostile text.
        out.retain(|c| !matches!(c, '{' | '}'));
    }
    out
}

fn unwrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for segment in segments(text) {
        match segment {
            Segment::Text(text) => out.push_str(text),
            Segment::Mention { name, .. } => out.push_str(name),
        }
    }
    out
}

fn has_mention(text: &str) -> bool {
    segments(text).any(|segment| matches!(segment, Segment::Mention { .. }))
}

/// A mention of `user` under `name`, as the page writes it. What cannot stand in a name is left out.
pub fn render(user: UserId, name: &str) -> String {
    let name: String = name.chars().filter(|c| !matches!(c, '{' | '}' | '\n' | '\r')).collect();
    format!("{OPEN}{user}}}{name}}}")
}

/// `text` as a person types it, with each `@Name` of one of `people` as a mention. The beginning of a name is enough if only
/// one person's begins so; what fits nobody, or more than one, stays as it is.
///
/// ```
/// use mewe_protocol::mention;
///
/// let muaddib = "625568bf663e8f63481b04ab".parse()?;
/// assert_eq!(mention::typed("@muad catch up", [(muaddib, "MuadDib")]), "{{u_625568bf663e8f63481b04ab}MuadDib} catch up");
/// # Ok::<(), mewe_protocol::IdError>(())
/// ```
pub fn typed<'p>(text: &str, people: impl IntoIterator<Item = (UserId, &'p str)>) -> String {
    let people: Vec<(UserId, &str)> = people.into_iter().collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        // `a@b` is an address, and an `@` before a mention belongs to it.
        let begins = !out.ends_with(char::is_alphanumeric);
        if let Some(((id, name), tail)) = meant(after, &people).filter(|_| begins) {
            out.push_str(&render(id, name));
            rest = tail;
        } else {
            out.push('@');
            rest = after;
        }
    }
    out + rest
}

/// Who is meant by the words at the beginning of `text`, and what follows these words.
fn meant<'t, 'p>(text: &'t str, people: &[(UserId, &'p str)]) -> Option<((UserId, &'p str), &'t str)> {
    let ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    let only = |found: Vec<((UserId, &'p str), &'t str)>| match found[..] {
        [one] => Some(one),
        _ => None,
    };
    // The whole name, the longest first: `@Pétur Jureksson` is not `@Pétur` and a word.
    let named = people.iter().filter(|(_, name)| !name.is_empty());
    let whole: Vec<_> =
        named.filter_map(|one| Some((*one, after_name(text, one.1).filter(|rest| ends(rest))?))).collect();
    if let Some(least) = whole.iter().map(|(_, rest)| rest.len()).min() {
        return only(whole.into_iter().filter(|(_, rest)| rest.len() == least).collect());
    }
    let word_end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(word_end);
    let begun = people.iter().filter(|(_, name)| !word.is_empty() && after_name(name, word).is_some());
    only(begun.map(|one| (*one, rest)).collect())
}

/// What follows `name` at the beginning of `text`, in whichever case both are written.
pub fn after_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for wanted in name.chars() {
        if !rest.next()?.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let names = ["Pétur Jureksson", "Sigrún Guðmundsdóttir", "MuadDib", "Thor", "Thorgerd Thor"];
        let people: Vec<_> = (1..).zip(names).map(|(n, name)| (UserId::from_bytes([n; 12]), name)).collect();
        let text = typed(text, people.iter().copied());
        let opened = people.iter().fold(text, |text, (id, _)| text.replace(&format!("{{{{u_{id}}}"), "<"));
        opened.replace('}', ">")
    }

    #[test]
    fn the_beginning_of_a_name_is_enough_for_a_mention() {
        assert_eq!(said("@muad catch up"), "<MuadDib> catch up");
        assert_eq!(said("hi @Sigrún, and @PÉTUR!"), "hi <Sigrún Guðmundsdóttir>, and <Pétur Jureksson>!");
        assert_eq!(said("@Pétur Jureksson said so"), "<Pétur Jureksson> said so");
    }

    #[test]
    fn a_whole_name_wins_over_a_longer_one_that_begins_so() {
        assert_eq!(said("@Thor and @thorgerd thor"), "<Thor> and <Thorgerd Thor>");
    }

    #[test]
    fn what_fits_nobody_or_more_than_one_stays_as_it_is() {
        for line in ["@Tho, hello", "@Gurney", "a@muaddib.example", "@", "@ MuadDib", "5 @ 3"] {
            assert_eq!(said(line), line);
        }
    }
}
