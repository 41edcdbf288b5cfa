//! What happened in a thread, in short. Counting and picking only: nothing is interpreted, so nothing can be misunderstood.
//!
//! Whoever sits in the thread chooses what is counted here, so all of it takes time in proportion to the text, and keeps little.

use std::collections::HashSet;

use jiff::Timestamp;
use mewe_agent::{Past, UserId, mention, text};

/// Links of one message that are kept. One with more is a list, to be read where it stands.
const LINKS: usize = 10;
/// Characters of a text that are kept: more than is ever shown.
const KEPT: usize = 1_000;

/// What is in a piece of a thread's past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// How many messages of others.
    pub(crate) messages: usize,
    /// There may be more before what was looked at.
    pub(crate) is_cut: bool,
    /// Who wrote how many of them, the busiest first.
    pub(crate) authors: Vec<(String, usize)>,
    /// Messages that mention the owner.
    pub(crate) mentions: Vec<Line>,
    /// Further questions that are open.
    pub(crate) questions: Vec<Line>,
    /// Links, each once.
    pub(crate) links: Vec<Line>,
}

/// Something that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Their name, or `somebody`.
    pub(crate) who: String,
    /// When.
    pub(crate) at: Timestamp,
    /// The text or the link, with mentions as a person reads them.
    pub(crate) text: String,
    /// It is a question, and open.
    pub(crate) is_open: bool,
}

impl Digest {
    /// The digest of `past`, which is in order and was read with `limit`. What the owner and the agent wrote is no news.
    ///
    /// A question is a text with a question mark outside its links. It is open as long as nobody but its author has written
    /// after it: a rule that can be stated, and that errs towards answered. The agent's own words answer nothing.
    pub(crate) fn of(past: &[Past], owner: UserId, limit: usize) -> Self {
        let mut digest = Self { is_cut: past.len() >= limit, ..Self::default() };
        let mut authors: Vec<(UserId, String, usize)> = Vec::new();
        let mut known_links = HashSet::new();
        let talk: Vec<&Past> = past.iter().filter(|said| !said.is_me).collect();
        let last = talk.last().map(|said| said.author.id);
        // From here on nobody but the last author wrote.
        let closed = talk.iter().rposition(|said| Some(said.author.id) != last).map_or(0, |at| at + 1);
        for (at, said) in talk.into_iter().enumerate().filter(|(_, said)| !said.is_owner) {
            digest.messages += 1;
            let who = kept(said.author.name());
            match authors.iter_mut().find(|(id, ..)| *id == said.author.id) {
                Some((.., count)) => *count += 1,
                None => authors.push((said.author.id, who.clone(), 1)),
            }
            let plain = text::quote(&said.text);
            let is_open = at >= closed && is_question(&plain);
            let line = |text: &str| Line { who: who.clone(), at: said.at, text: kept(text), is_open };
            if mention::mentions(&said.text, owner) {
                digest.mentions.push(line(&plain));
            } else if is_open {
                digest.questions.push(line(&plain));
            }
            for link in pieces(&plain).filter_map(link).take(LINKS) {
                if known_links.insert(link.to_owned()) {
                    digest.links.push(line(link));
                }
            }
        }
        // Stable: of two who wrote as much, the one who began.
        authors.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        digest.authors = authors.into_iter().map(|(_, name, count)| (name, count)).collect();
        digest
    }

    /// Whether nobody wrote anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }
}

/// The beginning, as far as it may ever be shown.
fn kept(text: &str) -> String {
    text.chars().take(KEPT).collect()
}

/// Whether there is a question mark outside the links.
fn is_question(text: &str) -> bool {
    let asks = |text: &str| text.contains(['?', '？', '؟']);
    pieces(text).any(|piece| match link(piece).and_then(|link| piece.split_once(link)) {
        Some((before, after)) => asks(before) || asks(after),
        None => asks(piece),
    })
}

/// What stands between white space, and between the marks that no address holds.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '“' | '”' | '{' | '}'))
}

/// The address in a piece, from its scheme on, without the marks of the sentence behind it.
fn link(word: &str) -> Option<&str> {
    let scheme = |name: &str| {
        let at =
            |(at, _)| word.get(at..at + name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)).then_some(at);
        word.char_indices().find_map(at).map(|at| (at, name.len()))
    };
    let (at, scheme) = [scheme("https://"), scheme("http://")].into_iter().flatten().min()?;
    let link = word[at..].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*', '_', '~', '`']);
    // The bracket of "(see https://…)" is the sentence's, the one of ".../Rust_(language)" the address's.
    let link = if link.contains('(') { link } else { link.trim_end_matches([')', ']', '.', ',']) };
    (link.len() > scheme).then_some(link)
}

#[cfg(test)]
pub(crate) mod tests {
    use mewe_agent::{MessageId, Person};
    use proptest::prelude::*;

    use super::*;

    pub(crate) const PETUR: u8 = 1;
    pub(crate) const SIGRUN: u8 = 2;
    pub(crate) const THOR: u8 = 3;
    pub(crate) const MUADDIB: u8 = 4;

    pub(crate) fn id(who: u8) -> UserId {
        UserId::from_bytes([who; 12])
    }

    /// What was said, a minute apart.
    pub(crate) fn past(said: &[(u8, &str)]) -> Vec<Past> {
        let name = |who| match who {
            PETUR => Some("Pétur Jureksson"),
            SIGRUN => Some("Sigrún Guðmundsdóttir"),
            THOR => Some("Thor"),
            MUADDIB => Some("MuadDib"),
            _ => None,
        };
        let one = |(at, (who, text)): (i64, &(u8, &str))| Past {
            id: MessageId::from_bytes([0; 12]),
            author: Person { id: id(*who), name: name(*who).map(str::to_owned), is_agent: *who > SIGRUN },
            is_owner: *who == PETUR,
            is_me: *who == MUADDIB,
            text: (*text).to_owned(),
            at: Timestamp::from_second(1_764_000_000 + 60 * at).unwrap(),
        };
        (0..).zip(said).map(one).collect()
    }

    fn digest(said: &[(u8, &str)]) -> Digest {
        Digest::of(&past(said), id(PETUR), 100)
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn everybody_is_counted_but_the_owner_and_the_agent() {
        let digest = digest(&[(THOR, "a"), (SIGRUN, "b"), (MUADDIB, "c?"), (SIGRUN, ""), (PETUR, "d"), (9, "e")]);
        assert_eq!(digest.messages, 4);
        let authors: Vec<_> = digest.authors.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(authors, [("Sigrún Guðmundsdóttir", 2), ("Thor", 1), ("somebody", 1)]);
        assert!(!digest.is_cut && digest.questions.is_empty());
        assert!(Digest::of(&past(&[(MUADDIB, "?")]), id(PETUR), 1).is_empty());
        assert!(Digest::of(&past(&[(SIGRUN, "a"), (THOR, "b")]), id(PETUR), 2).is_cut);
    }

    #[test]
    fn a_question_is_open_until_somebody_else_writes() {
        assert_eq!(texts(&digest(&[(SIGRUN, "Who comes?"), (SIGRUN, "On Friday.")]).questions), ["Who comes?"]);
        assert_eq!(texts(&digest(&[(SIGRUN, "Who comes?"), (MUADDIB, "I pass it on.")]).questions), ["Who comes?"]);
        assert!(digest(&[(SIGRUN, "Who comes?"), (THOR, "I do.")]).questions.is_empty());
        assert!(digest(&[(SIGRUN, "Who comes?"), (PETUR, "I do.")]).questions.is_empty());
        assert!(digest(&[(SIGRUN, "See https://mewe.com/?a=b")]).questions.is_empty());
        assert_eq!(digest(&[(SIGRUN, "Seen https://mewe.com/?a=b?")]).questions.len(), 1);
    }

    #[test]
    fn a_mention_of_the_owner_is_listed_once_with_its_question() {
        let asks = format!("{} will you?", mention::render(id(PETUR), "Pétur"));
        let digest = digest(&[(SIGRUN, &asks)]);
        assert_eq!(texts(&digest.mentions), ["Pétur will you?"]);
        assert!(digest.mentions[0].is_open && digest.questions.is_empty());
    }

    #[test]
    fn links_are_found_in_sentences_each_once() {
        let links = |text| pieces(text).filter_map(link).collect::<Vec<_>>();
        let said = "(see https://mewe.com/a), HTTP://b.is! or <https://c.is/Rust_(language)> https:// nohttp";
        assert_eq!(links(said), ["https://mewe.com/a", "HTTP://b.is", "https://c.is/Rust_(language)"]);
        let digest = digest(&[(SIGRUN, "https://mewe.com/a"), (THOR, "https://mewe.com/a https://mewe.com/b")]);
        assert_eq!(texts(&digest.links), ["https://mewe.com/a", "https://mewe.com/b"]);
        assert_eq!(digest.links[0].who, "Sigrún Guðmundsdóttir");
    }

    #[test]
    fn a_flood_of_links_is_bounded() {
        let flood = |n| (0..1_000).map(|m| format!("http://{n}.{m}")).collect::<Vec<_>>().join("\"");
        let said: Vec<String> = (0..500).map(flood).collect();
        let said: Vec<(u8, &str)> = said.iter().map(|text| (SIGRUN, text.as_str())).collect();
        assert_eq!(digest(&said).links.len(), 500 * LINKS);
    }

    proptest! {
        #[test]
        fn any_past_has_a_digest(said in prop::collection::vec((1u8..6, "(https?://|[?(]|[a-zÞ{} ]|\\{\\{u_010101010101010101010101\\}x\\}|\u{1f600}){0,12}|.{0,40}"), 0..12)) {
            let said: Vec<(u8, &str)> = said.iter().map(|(who, text)| (*who, text.as_str())).collect();
            let digest = digest(&said);
            prop_assert_eq!(digest.authors.iter().map(|(_, count)| count).sum::<usize>(), digest.messages);
            prop_assert!(digest.mentions.len() + digest.questions.len() <= digest.messages);
        }
    }
}
