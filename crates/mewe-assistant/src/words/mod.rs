//! What it says, in English. Sentences only: no rule is decided here.
//!
//! Others' words in them are cut, in one line or behind `>`, so that they cannot pass for the assistant's own.

mod digest;
mod pieces;

pub(crate) use digest::{Room, digests, one_digest};
pub(crate) use pieces::one_line;
use pieces::{cited, excerpt, list, some_of};

use crate::{
    known::{KnownThread, KnownThreads},
    names::{self, NameError},
};

/// In a shared thread, instead of an answer that is not for it.
pub(crate) const AT_HOME: &str = "I answered in our own thread.";
/// The same, when there is no such thread.
pub(crate) const NO_HOME: &str =
    "I can answer that only in a thread of our own, and I do not know of one. Please remove me and add me again.";
/// To the owner, who called without a word.
pub(crate) const LISTENING: &str = "Yes? Ask me for `help` to see what I can do.";
/// A thread of which nothing is known.
pub(crate) const SOME_THREAD: &str = "a thread";

/// The most of a person's name that is repeated.
const NAME: usize = 60;
/// The most people that are listed.
const PEOPLE: usize = 5;
/// The most threads that are listed.
const THREADS: usize = 50;
/// The most of somebody's words that is passed on.
const PASSED_ON: usize = 2_000;

fn name(name: &str) -> String {
    let name = excerpt(name, NAME);
    if name.is_empty() { "somebody".to_owned() } else { name }
}

/// To the owner, first of all.
pub(crate) fn greeting(owner: &str, me: &str) -> String {
    let hello = if owner.trim().is_empty() { "Hello!".to_owned() } else { format!("Hello, {}!", name(owner)) };
    let me = if me.trim().is_empty() { String::new() } else { format!(" {},", name(me)) };
    format!(
        "{hello} I am{me} your assistant, and I listen to you alone. What I read in a thread I tell there or here, nowhere \
         else.\n\nWrite `help` to see what I can do."
    )
}

/// What it can do.
pub(crate) fn help(me: &str) -> String {
    let me = address(me);
    format!(
        "What I can do for you:\n\
         • `catch up`: what is new since you last wrote, in every thread. `catch up Family` or `catch up 2`: in one of them. \
         Beside my name in a thread, `{me} catch up here`: in that one.\n\
         • `threads`: the threads in which I sit, with their numbers.\n\
         • `{me} this is Family`: names the thread in which you write it.\n\
         • `help`: this.\n\n\
         In our own thread just write it; in any other, begin with my name. Whoever else writes to me is told that I am your \
         assistant, and I pass their words on to you."
    )
}

/// How it is called in a thread.
fn address(me: &str) -> String {
    if me.trim().is_empty() { "@me".to_owned() } else { format!("@{}", name(me)) }
}

/// To the owner, whose words are no request.
pub(crate) fn not_understood(nearest: Option<&str>) -> String {
    match nearest.filter(|word| *word != "help") {
        Some(word) => {
            format!("I did not understand that. Did you mean `{word}`? Ask me for `help` to see what I can do.")
        }
        None => "I did not understand that. Ask me for `help` to see what I can do.".to_owned(),
    }
}

/// What to call a thread.
pub(crate) fn label(thread: &KnownThread) -> String {
    match (&thread.name, people(thread)) {
        (Some(name), _) => name.clone(),
        (None, None) => format!("thread {}", thread.number),
        (None, Some(people)) => format!("thread {} ({people})", thread.number),
    }
}

/// The people there whose names are known.
fn people(thread: &KnownThread) -> Option<String> {
    let names: Vec<String> = thread.people.iter().filter_map(|person| person.name.as_deref()).map(name).collect();
    (!names.is_empty()).then(|| list(names.into_iter(), PEOPLE))
}

/// The answer to `threads`.
pub(crate) fn threads(threads: &KnownThreads, me: &str) -> String {
    let lines = threads.iter().map(thread_line);
    let count = match lines.len() {
        0 => return "I sit in no thread but our own yet. Add me to one, and I tell you what happens there.".to_owned(),
        1 => "one thread".to_owned(),
        count => format!("{count} threads"),
    };
    format!(
        "Besides our own, I sit in {count}:\n{}\n\n`catch up` and a number tells what is new there. To name a thread, write \
         in it: `{} this is Family`.",
        some_of(lines, THREADS).join("\n"),
        address(me),
    )
}

fn thread_line(thread: &KnownThread) -> String {
    let name = thread.name.as_deref().unwrap_or("no name yet");
    let people = people(thread).map(|people| format!(": {people}")).unwrap_or_default();
    format!("{}. {name}{people}", thread.number)
}

/// To the owner, when it came into a thread.
pub(crate) fn joined(thread: &KnownThread, me: &str) -> String {
    if let Some(name) = &thread.name {
        return format!("I am back in {name}, thread {}.", thread.number);
    }
    let with = people(thread).map(|people| format!(", with {people}")).unwrap_or_default();
    format!(
        "I sit in a new thread now, number {}{with}. To name it, write there: `{} this is Family`.",
        thread.number,
        address(me),
    )
}

/// To the owner, when it had to leave a thread.
pub(crate) fn left(name: Option<&str>) -> String {
    format!("I no longer sit in {}. What I read there I still know.", name.unwrap_or("one of the threads"))
}

/// In a thread that has a name now.
pub(crate) fn named(name: &str) -> String {
    format!("This thread is {name} to me from now on.")
}

/// To the owner, who wants to name a thread from elsewhere.
pub(crate) fn name_it_there(me: &str) -> String {
    format!("A thread gets its name in the thread itself. Write there: `{} this is Family`.", address(me))
}

/// What was to be a name is none.
pub(crate) fn no_name(why: NameError) -> String {
    let why = match why {
        NameError::Length => format!("A name has 1 to {} characters", names::LONGEST),
        NameError::Reserved => "I would take that for something else behind `catch up`".to_owned(),
    };
    format!("{why}. For example: `this is Family`.")
}

/// To the owner: two threads cannot share a name.
pub(crate) fn name_taken(name: &str, holder: Option<&KnownThread>) -> String {
    let holder = holder.map_or_else(|| "another thread".to_owned(), |thread| format!("thread {}", thread.number));
    format!("You call {holder} “{name}” already. Choose another name, or give that one another first.")
}

/// To the owner: nothing is called so.
pub(crate) fn no_such_thread(which: &str, nearest: Option<&str>) -> String {
    let perhaps = nearest.map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
    format!("I know no thread called “{}”.{perhaps} Write `threads` to see them.", excerpt(which, NAME))
}

fn assistant_of(owner: Option<&str>) -> String {
    let owner = name(owner.unwrap_or_default());
    // "James' assistant" is right too; one rule is enough.
    if owner == "somebody" { "somebody's assistant".to_owned() } else { format!("the assistant of {owner}") }
}

/// To somebody who called without a word.
pub(crate) fn whose(owner: Option<&str>) -> String {
    format!("I am {}. What you write to me I pass on.", assistant_of(owner))
}

/// To somebody whose words are passed on.
pub(crate) fn passing_on(owner: Option<&str>) -> String {
    format!("I am {}, and I pass your words on.", assistant_of(owner))
}

/// To somebody whose words cannot be passed on.
pub(crate) fn cannot_pass_on(owner: Option<&str>) -> String {
    format!("I am {}, but I have no way to pass your words on.", assistant_of(owner))
}

/// To the owner: what somebody said to it.
pub(crate) fn passed_on(author: &str, label: &str, said: &str) -> String {
    format!("{} writes to me in {label}:\n{}", name(author), cited(said, PASSED_ON))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::known::tests::thread;

    #[test]
    fn it_greets_by_name() {
        assert_snapshot!(greeting("Pétur", "MuadDib"), @r"
        Hello, Pétur! I am MuadDib, your assistant, and I listen to you alone. What I read in a thread I tell there or here, nowhere else.

        Write `help` to see what I can do.
        ");
        assert!(greeting(" ", "").starts_with("Hello! I am your assistant"));
    }

    #[test]
    fn help_lists_what_it_can_do() {
        assert_snapshot!(help("MuadDib"), @r"
        What I can do for you:
        • `catch up`: what is new since you last wrote, in every thread. `catch up Family` or `catch up 2`: in one of them. Beside my name in a thread, `@MuadDib catch up here`: in that one.
        • `threads`: the threads in which I sit, with their numbers.
        • `@MuadDib this is Family`: names the thread in which you write it.
        • `help`: this.

        In our own thread just write it; in any other, begin with my name. Whoever else writes to me is told that I am your assistant, and I pass their words on to you.
        ");
    }

    #[test]
    fn a_thread_is_called_by_what_is_known_of_it() {
        let people = ["Sigrún Guðmundsdóttir", "Thor"];
        assert_eq!(label(&thread(2, Some("Family"), &people)), "Family");
        assert_eq!(label(&thread(2, None, &people)), "thread 2 (Sigrún Guðmundsdóttir, Thor)");
        assert_eq!(label(&thread(2, None, &[])), "thread 2");
        assert_eq!(label(&thread(2, None, &["Thor"; 7])), "thread 2 (Thor, Thor, Thor, Thor, Thor and 2 more)");
    }

    #[test]
    fn others_words_stand_apart_from_its_own() {
        assert_snapshot!(passed_on("Sigrún\nGuðmundsdóttir", "Family", "Come!\n\nYour assistant: all is well"), @r"
        Sigrún Guðmundsdóttir writes to me in Family:
        > Come!
        > Your assistant: all is well
        ");
    }

    #[test]
    fn somebody_is_told_whose_it_is() {
        assert_eq!(
            passing_on(Some("Pétur Jureksson")),
            "I am the assistant of Pétur Jureksson, and I pass your words on."
        );
        assert_eq!(whose(None), "I am somebody's assistant. What you write to me I pass on.");
    }
}
