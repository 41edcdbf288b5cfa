//! What a catch-up says.

use jiff::Timestamp;

use super::{
    name,
    pieces::{ago, excerpt, list, some_of},
};
use crate::digest::{Digest, Line};

/// A thread that has news.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// What to call it.
    pub(crate) label: String,
    /// Its number.
    pub(crate) number: u32,
    /// What is new there.
    pub(crate) news: Digest,
}

/// How much is shown.
struct Most {
    /// Lines of a kind.
    lines: usize,
    /// Characters of somebody's words.
    words: usize,
}

/// Of one thread, and of one among many.
const ALONE: Most = Most { lines: 5, words: 200 };
const AMONG: Most = Most { lines: 2, words: 120 };
/// Threads that are told about at once.
const ROOMS: usize = 10;
/// People who are counted.
const AUTHORS: usize = 8;
/// Characters of a link: one that is cut leads nowhere, so this is generous.
const LINK: usize = 500;

/// What is new in one thread; without a label, the one in which it is said.
pub(crate) fn one_digest(label: Option<&str>, news: &Digest, now: Timestamp) -> String {
    let there = if label.is_some() { "there" } else { "here" };
    if news.is_empty() {
        return sentence(label, &format!("nobody has written since you last wrote {there}."));
    }
    section(label, news, &ALONE, now)
}

/// What is new in all threads; in `quiet` more there is nothing.
pub(crate) fn digests(rooms: &[Room], quiet: usize, now: Timestamp) -> String {
    if rooms.is_empty() {
        return if quiet == 0 {
            "I sit in no thread but our own yet, so there is nothing to tell.".to_owned()
        } else {
            "Nothing new: nowhere has anybody written since you last did.".to_owned()
        };
    }
    let mut parts: Vec<String> =
        rooms.iter().take(ROOMS).map(|room| section(Some(&room.label), &room.news, &AMONG, now)).collect();
    if rooms.len() > ROOMS {
        let numbers = list(rooms[ROOMS..].iter().map(|room| room.number.to_string()), 20);
        parts.push(format!("There is more in the threads {numbers}: `catch up {}`.", rooms[ROOMS].number));
    }
    parts.join("\n\n")
}

fn section(label: Option<&str>, news: &Digest, most: &Most, now: Timestamp) -> String {
    let there = if label.is_some() { "there" } else { "here" };
    let count = match (news.is_cut, news.messages) {
        (false, 1) => "one new message".to_owned(),
        (false, count) => format!("{count} new messages"),
        (true, count) => format!("at least {count} new messages"),
    };
    let authors = list(news.authors.iter().map(|(who, count)| format!("{} {count}", name(who))), AUTHORS);
    let mut text = sentence(label, &format!("{count} since you last wrote {there} ({authors})."));
    let said = |line: &Line| {
        let open = if line.is_open { ", not answered yet" } else { "" };
        format!("{}, {}{open}: “{}”", name(&line.who), ago(line.at, now), excerpt(&line.text, most.words))
    };
    // The questions are open all: their title says so.
    let asked = |line: &Line| said(&Line { is_open: false, ..line.clone() });
    let link = |line: &Line| format!("{} ({})", excerpt(&line.text, LINK), name(&line.who));
    list_under(&mut text, "You are mentioned:", &news.mentions, said, most);
    list_under(&mut text, "Questions after which nobody else has written:", &news.questions, asked, most);
    list_under(&mut text, "Links:", &news.links, link, most);
    text
}

/// The newest first: what is left out is older.
fn list_under(text: &mut String, title: &str, lines: &[Line], print: impl Fn(&Line) -> String, most: &Most) {
    if lines.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(title);
    for line in some_of(lines.iter().rev().map(print), most.lines) {
        text.push_str("\n• ");
        text.push_str(&line);
    }
}

/// Behind the label, which stays as the owner wrote it, or else with a capital.
fn sentence(label: Option<&str>, text: &str) -> String {
    let mut chars = text.chars();
    match (label, chars.next()) {
        (Some(label), _) => format!("{label}: {text}"),
        (None, Some(first)) => first.to_uppercase().chain(chars).collect(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use mewe_agent::{UserId, mention, text};
    use proptest::prelude::*;

    use super::*;
    use crate::digest::tests::{MUADDIB, PETUR, SIGRUN, THOR, id, past};

    fn now() -> Timestamp {
        Timestamp::from_second(1_764_000_000 + 7_200).unwrap()
    }

    fn of(said: &[(u8, &str)]) -> Digest {
        Digest::of(&past(said), id(PETUR), 500)
    }

    #[test]
    fn one_thread_in_full() {
        let asks = format!("{} will you bring the tent?", mention::render(id(PETUR), "Pétur"));
        let news = of(&[
            (THOR, "The hut is booked: https://mewe.com/hut."),
            (SIGRUN, "Good."),
            (MUADDIB, "My own words are no news."),
            (SIGRUN, &asks),
            (SIGRUN, "And who drives?"),
        ]);
        assert_snapshot!(one_digest(Some("Family"), &news, now()), @r"
        Family: 4 new messages since you last wrote there (Sigrún Guðmundsdóttir 3, Thor 1).
        You are mentioned:
        • Sigrún Guðmundsdóttir, 1 h ago, not answered yet: “Pétur will you bring the tent?”
        Questions after which nobody else has written:
        • Sigrún Guðmundsdóttir, 1 h ago: “And who drives?”
        Links:
        • https://mewe.com/hut (Thor)
        ");
        assert_snapshot!(one_digest(None, &of(&[]), now()), @"Nobody has written since you last wrote here.");
    }

    #[test]
    fn lists_end() {
        let said: Vec<String> = (0..9).map(|n| format!("Is it {n}? https://mewe.com/{n}")).collect();
        let said: Vec<(u8, &str)> = said.iter().map(|text| (SIGRUN, text.as_str())).collect();
        let news = of(&said);
        let room = |number| Room { label: format!("thread {number}"), number, news: news.clone() };
        let rooms: Vec<Room> = (1..=12).map(room).collect();
        let all = digests(&rooms, 3, now());
        assert_snapshot!(all.split("\n\n").next().unwrap(), @r"
        thread 1: 9 new messages since you last wrote there (Sigrún Guðmundsdóttir 9).
        Questions after which nobody else has written:
        • Sigrún Guðmundsdóttir, 1 h ago: “Is it 8? https://mewe.com/8”
        • Sigrún Guðmundsdóttir, 1 h ago: “Is it 7? https://mewe.com/7”
        • and 7 more
        Links:
        • https://mewe.com/8 (Sigrún Guðmundsdóttir)
        • https://mewe.com/7 (Sigrún Guðmundsdóttir)
        • and 7 more
        ");
        assert_snapshot!(all.split("\n\n").last().unwrap(), @"There is more in the threads 11, 12: `catch up 11`.");
    }

    #[test]
    fn nothing_is_said_as_such() {
        assert_snapshot!(digests(&[], 3, now()), @"Nothing new: nowhere has anybody written since you last did.");
        assert_snapshot!(digests(&[], 0, now()), @"I sit in no thread but our own yet, so there is nothing to tell.");
    }

    proptest! {
        #[test]
        fn no_digest_pings(said in prop::collection::vec((1u8..6, "(@|\u{feff}|[a-z?{} \n]|u_|\\{\\{u_020202020202020202020202\\}|\\{\\{u_020202020202020202020202\\}[a-z]?\\}){0,20}|.{0,40}"), 1..8)) {
            let said: Vec<(u8, &str)> = said.iter().map(|(who, text)| (*who, text.as_str())).collect();
            // As `say` lets it leave.
            let told = text::quote(&one_digest(Some("Family"), &of(&said), now()));
            let pinged = mention::segments(&told).any(|part| matches!(part, mention::Segment::Mention { .. }));
            prop_assert!(!pinged, "{}", told);
            prop_assert!(!mention::mentions(&told, UserId::from_bytes([2; 12])));
        }
    }
}
