//! `mewe-agent chat`: a conversation in a terminal, as any user of a host.
//!
//! There is no stream to listen to yet, so it asks for what is new twice a second.

use std::{collections::HashSet, io::IsTerminal, path::PathBuf, time::Duration};

use clap::Args;
use mewe_agent::HostUrl;
use mewe_protocol::{MessageId, ThreadId, UserId, decided::PAGE_LIMIT_DEFAULT, mention, message::ReadMessage};
use mewe_runtime::{BoxFuture, Seams, escape};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    sync::mpsc,
};

use super::{Signals, read};
use crate::{
    exit::{Exit, Failure},
    operator::{Agent, Operator, Thread, Trouble, User},
    output::{self, Shown},
    settings,
};

/// How often it asks for what is new.
const POLL: Duration = Duration::from_millis(500);
/// Messages shown at the beginning.
const PAST: u32 = 10;
/// Pages that are read back for what was missed.
const PAGES: u32 = 20;
/// Bytes of a line; a message of 10,000 characters has fewer.
const MAX_LINE: u64 = 64 * 1024;

/// Talk in a thread, as any user of a host.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is sent as a message; @Name in it mentions somebody in the thread, where the beginning of the name is enough if only \
one person's begins so. Ctrl-D leaves. It speaks through the operator API; the operator token comes from MEWE_OPERATOR_TOKEN, \
or from the data directory of a host on this machine (`dev` or `host`).

Examples:
  mewe-agent chat --as Pétur                      with Pétur's agent
  mewe-agent chat --as Sigrún --thread Family
  echo 'catch up' | mewe-agent chat --as Pétur --wait 10")]
pub(crate) struct Chat {
    /// Who speaks: the beginning of a name, or an id.
    #[arg(long = "as", value_name = "NAME|ID")]
    user: String,
    /// Where: the beginning of a thread's name (or of the names in it), an id, or `agent` for the personal thread of one's own
    /// agent [default: agent, or else the first thread].
    #[arg(long, value_name = "NAME|ID|agent")]
    thread: Option<String>,
    /// The host.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    host: HostUrl,
    /// The host's data directory, where its operator token is kept [default: those of `dev` and `host`].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// After the last line of input, wait until others have written as many messages as were sent, at most so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
}

pub(crate) async fn run(chat: Chat) -> Result<Exit, Failure> {
    let seams = Seams::production().map_err(Failure::refused)?;
    let operator = Operator::connect(chat.host.clone(), tokens(&chat)?, &seams).await?;
    let users = operator.users().await?;
    let me = named("user", &chat.user, &users, |user| (user.id.to_string(), user.name.clone()))?;
    let threads: Vec<Thread> = operator.threads().await?.into_iter().filter(|t| sits_in(t, me.id)).collect();
    let agents = operator.agents().await?;
    let thread = choose(chat.thread.as_deref(), me, &threads, &agents)?;
    output::note(&format!("{} in {}. Ctrl-D leaves.", escape::line(&me.name), escape::line(&label(thread, me.id))));
    let talk = Talk {
        tail: Tail { thread: thread.id, last: None },
        me: me.id,
        others: thread.people.iter().filter(|other| other.id != me.id).cloned().collect(),
        at_terminal: std::io::stdin().is_terminal(),
        sent: HashSet::new(),
        lines: 0,
        answers: 0,
        away: false,
        operator,
    };
    talk.go_on(&seams, Duration::from_secs(chat.wait.into())).await
}

/// The tokens that may be the host's. Those kept on this machine are shown to this machine only.
fn tokens(chat: &Chat) -> Result<Vec<String>, Failure> {
    if let Some(token) = settings::operator_token_of_environment()? {
        return Ok(vec![token]);
    }
    // HostUrl takes http for loopback only.
    let here = chat.host.as_str().starts_with("http://");
    let dirs = match &chat.data_dir {
        Some(dir) => vec![dir.clone(), dir.join("host")],
        None if here => vec![settings::platform_data_dir("dev")?.join("host"), settings::platform_data_dir("host")?],
        None => Vec::new(),
    };
    let mut tokens = Vec::new();
    for dir in dirs {
        tokens.extend(settings::read_secret(&dir.join(settings::OPERATOR_TOKEN_FILE))?);
    }
    if tokens.is_empty() {
        return Err(Failure::usage("there is no operator token").hint(
            "start `mewe-agent dev`; or set MEWE_OPERATOR_TOKEN, or name the host's data directory with --data-dir",
        ));
    }
    Ok(tokens)
}

fn sits_in(thread: &Thread, user: UserId) -> bool {
    thread.people.iter().any(|one| one.id == user)
}

/// What a person calls a thread: its name, or who else is in it.
fn label(thread: &Thread, me: UserId) -> String {
    let others = || {
        let others = thread.people.iter().filter(|other| other.id != me);
        others.map(|other| other.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    thread.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(others)
}

fn choose<'a>(wanted: Option<&str>, me: &User, threads: &'a [Thread], agents: &[Agent]) -> Result<&'a Thread, Failure> {
    let personal = || {
        let mine = agents.iter().find(|agent| agent.owner == me.id)?;
        threads.iter().find(|thread| thread.id == mine.personal_thread)
    };
    let none = |what: &str| Failure::refused(format!("{} {what}", me.name));
    match wanted {
        None => personal().or(threads.first()).ok_or_else(|| none("sits in no thread")),
        Some("agent") => personal().ok_or_else(|| none("has no agent")),
        Some(wanted) => named("thread", wanted, threads, |thread| (thread.id.to_string(), label(thread, me.id))),
    }
}

/// The one of `all` with this id or name, or the only one whose name begins so.
fn named<'a, T>(
    what: &str,
    wanted: &str,
    all: &'a [T],
    id_and_name: impl Fn(&T) -> (String, String),
) -> Result<&'a T, Failure> {
    let by = |fits: &dyn Fn(&str, &str) -> bool| -> Vec<&'a T> {
        let fitting = all.iter().filter(|one| {
            let (id, name) = id_and_name(one);
            fits(&id, &name)
        });
        fitting.collect()
    };
    let names = |these: &[&T]| these.iter().map(|one| id_and_name(one).1).collect::<Vec<_>>().join(", ");
    let exact = by(&|id, name| id.eq_ignore_ascii_case(wanted) || mention::after_name(name, wanted) == Some(""));
    let found = if exact.is_empty() { by(&|_, name| mention::after_name(name, wanted).is_some()) } else { exact };
    match found[..] {
        [one] => Ok(one),
        [] => Err(Failure::refused(format!("there is no {what} `{wanted}`"))
            .hint(format!("there are: {}", names(&all.iter().collect::<Vec<_>>())))),
        _ => Err(Failure::refused(format!("more than one {what} is `{wanted}`: {}", names(&found)))
            .hint("give more of the name, or the id")),
    }
}

/// The end of a thread, as far as it was read.
struct Tail {
    thread: ThreadId,
    last: Option<MessageId>,
}

impl Tail {
    /// What was written since the last look, oldest first; at the first look, the last few.
    async fn news(&mut self, operator: &Operator, first: bool) -> Result<Vec<ReadMessage>, Trouble> {
        let mut page = operator.messages(self.thread, if first { PAST } else { PAGE_LIMIT_DEFAULT }).await?;
        let mut news = Vec::new();
        for _ in 0..PAGES {
            let rows = page.messages.len();
            let known = page.messages.iter().position(|message| Some(message.id) == self.last);
            news.extend(page.messages.drain(..known.unwrap_or(rows)));
            match page.next_page {
                Some(next) if known.is_none() && !first => page = operator.messages_on(&next).await?,
                _ => break,
            }
        }
        if let Some(newest) = news.first() {
            self.last = Some(newest.id);
        }
        news.reverse();
        Ok(news)
    }
}

/// A conversation under way.
struct Talk {
    operator: Operator,
    tail: Tail,
    me: UserId,
    others: Vec<User>,
    /// A person types, and sees their own lines anyway.
    at_terminal: bool,
    sent: HashSet<MessageId>,
    /// Messages sent, and messages that others wrote meanwhile.
    lines: usize,
    answers: usize,
    away: bool,
}

impl Talk {
    async fn go_on(mut self, seams: &Seams, wait: Duration) -> Result<Exit, Failure> {
        self.look(true).await?;
        self.answers = 0;
        let mut input = lines_of_stdin(seams);
        let mut signals = Signals::listen()?;
        let mut tick = seams.clock.sleep(POLL);
        let mut limit: Option<BoxFuture<'static, ()>> = None;
        loop {
            let open = limit.is_none();
            tokio::select! {
                () = signals.next() => return Ok(Exit::Done),
                line = input.recv(), if open => match line {
                    Some(line) => self.say(&line?).await?,
                    None => limit = Some(seams.clock.sleep(wait)),
                },
                () = &mut tick => {
                    self.look(false).await?;
                    tick = seams.clock.sleep(POLL);
                }
                () = async { if let Some(limit) = &mut limit { limit.await } }, if !open => {
                    self.look(false).await?;
                    return Ok(Exit::Done);
                }
            }
            if limit.is_some() && self.lines > 0 && self.answers >= self.lines {
                return Ok(Exit::Done);
            }
        }
    }

    /// Prints what is new. A host that is away is waited for as long as somebody is there to see it return.
    async fn look(&mut self, first: bool) -> Result<(), Failure> {
        let news = match self.tail.news(&self.operator, first).await {
            Err(Trouble::Away(why)) if self.at_terminal && !first => {
                if !std::mem::replace(&mut self.away, true) {
                    output::note(&format!("the host does not answer ({}); waiting for it", escape::line(&why)));
                }
                return Ok(());
            }
            news => news?,
        };
        if std::mem::take(&mut self.away) {
            output::note("the host is back");
        }
        for message in news {
            self.answers += usize::from(message.user_id != self.me);
            if !(self.at_terminal && self.sent.remove(&message.id)) {
                output::line(&read::said(&message, Shown::Time))?;
            }
        }
        Ok(())
    }

    /// Says a line. A person sees why it was not sent, and goes on; of a pipe nothing is left out in silence.
    async fn say(&mut self, line: &str) -> Result<(), Failure> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        let text = mention::typed(line, self.others.iter().map(|one| (one.id, one.name.as_str())));
        match self.operator.say(self.tail.thread, self.me, &text).await {
            Ok(id) => {
                self.sent.extend(id);
                self.lines += 1;
                Ok(())
            }
            Err(trouble) if self.at_terminal => {
                output::tell(trouble.into());
                Ok(())
            }
            Err(trouble) => Err(trouble.into()),
        }
    }
}

/// Lines as they are typed or piped in. A task of its own, so that waiting for a line can be given up without losing half of it.
fn lines_of_stdin(seams: &Seams) -> mpsc::Receiver<Result<String, Failure>> {
    let (lines, receiver) = mpsc::channel(1);
    seams.spawn.spawn(Box::pin(async move {
        let mut stdin = BufReader::new(tokio::io::stdin());
        loop {
            let mut line = Vec::new();
            let read = (&mut stdin).take(MAX_LINE).read_until(b'\n', &mut line).await;
            let line = match read {
                Ok(0) => return,
                Ok(read) if read as u64 == MAX_LINE => Err(Failure::usage("a line is longer than any message may be")),
                Ok(_) => String::from_utf8(line).map_err(|_| Failure::usage("standard input is not UTF-8")),
                Err(error) => Err(Failure::refused(format!("standard input cannot be read: {error}"))),
            };
            let end = line.is_err();
            if lines.send(line).await.is_err() || end {
                return;
            }
        }
    }));
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<User> {
        let names = ["Pétur Jureksson", "Sigrún Guðmundsdóttir", "MuadDib", "Thor", "Thorgerd Thor"];
        let user = |(n, name): (u8, &str)| User { id: UserId::from_bytes([n; 12]), name: name.to_owned() };
        (1..).zip(names).map(user).collect()
    }

    #[test]
    fn a_user_is_found_by_the_beginning_of_the_name_or_by_id() {
        let people = people();
        let find = |wanted: &str| {
            named("user", wanted, &people, |u| (u.id.to_string(), u.name.clone())).map(|user| user.name.as_str())
        };
        assert_eq!(find("pétur").unwrap(), "Pétur Jureksson");
        assert_eq!(find("Thor").unwrap(), "Thor");
        assert_eq!(find("020202020202020202020202").unwrap(), "Sigrún Guðmundsdóttir");
        assert!(matches!(find("Tho"), Err(Failure::Told { message, .. }) if message.contains("Thor, Thorgerd Thor")));
        assert!(matches!(find("Gurney"), Err(Failure::Told { hint: Some(hint), .. }) if hint.contains("MuadDib")));
    }
}
