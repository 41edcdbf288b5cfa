//! `mewe-agent read`: the newest messages of a thread.

use clap::Args;
use mewe_protocol::{
    MessageId, ThreadId, UserId,
    decided::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX},
    message::{ReadMessage, ReadPage, timestamp_ms},
};
use serde::Serialize;

use super::send::{self, failure};
use crate::{
    exit::{Exit, Failure},
    output::{self, Shown},
};

/// Read the newest messages of a thread, as an agent that sits in it.
#[derive(Debug, Args)]
#[command(after_help = "\
For people: oldest first, times of this machine's time zone, mentions as @Name. \
With --json: {\"messages\":[…],\"nextPage\":…} on one line, newest first, texts as sent; whatever the host calls the fields, \
they are chatMessageId, userId, userName, messageText and createdAt here, and null if the host does not tell.

Examples:
  export MEWE_APP_ID=… MEWE_API_KEY=… MEWE_AGENT_ID=…
  mewe-agent read --thread $THREAD
  mewe-agent read --thread $THREAD --limit 100 --json | jq -r '.messages[].messageText'")]
pub(crate) struct Read {
    #[command(flatten)]
    from: send::From,
    /// The thread: 24 hex digits.
    #[arg(long, value_name = "ID")]
    thread: ThreadId,
    /// How many messages, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = PAGE_LIMIT_DEFAULT,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_LIMIT_MAX)))]
    limit: u32,
    /// Print JSON instead.
    #[arg(long)]
    json: bool,
}

/// A page in one form, whichever the host's is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    messages: Vec<Row<'a>>,
    next_page: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    chat_message_id: MessageId,
    user_id: UserId,
    user_name: Option<&'a str>,
    message_text: &'a str,
    created_at: Option<String>,
}

impl<'a> From<&'a ReadPage> for Page<'a> {
    fn from(page: &'a ReadPage) -> Self {
        Self { messages: page.messages.iter().map(Row::from).collect(), next_page: page.next_page.as_deref() }
    }
}

impl<'a> From<&'a ReadMessage> for Row<'a> {
    fn from(message: &'a ReadMessage) -> Self {
        Self {
            chat_message_id: message.id,
            user_id: message.user_id,
            user_name: message.user_name.as_deref(),
            message_text: &message.text,
            created_at: message.created_at.map(timestamp_ms),
        }
    }
}

pub(crate) async fn run(read: Read) -> Result<Exit, Failure> {
    let (client, agent) = read.from.client()?;
    let page = client.read(agent, read.thread, read.limit).await.map_err(|error| failure(&error))?;
    if read.json {
        output::json(&Page::from(&page))?;
    } else {
        for message in page.messages.iter().rev() {
            output::line(&said(message, Shown::Day))?;
        }
    }
    Ok(Exit::Done)
}

/// A message as a person reads it.
pub(crate) fn said(message: &ReadMessage, shown: Shown) -> String {
    let id = message.user_id.to_string();
    let author = message.user_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&id);
    output::said(message.created_at, shown, author, &message.text)
}
