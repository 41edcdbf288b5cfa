//! `mewe-agent send`: one message, signed.

use clap::Args;
use mewe_agent::client::{CallError, Client};
use mewe_protocol::{AgentId, MessageId, MessageText, ThreadId};
use mewe_runtime::Seams;
use serde::Serialize;

use super::body_from_stdin;
use crate::{
    exit::{Exit, Failure},
    output,
    settings::AccountArgs,
};

/// Send a message as an agent, through the signed API of any host.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the id of the new message. The key comes from MEWE_API_KEY, or from a settings file of mode 0600.

A mention is written {{u_ID}Name}. A message has 1 to 10,000 characters.

Examples:
  export MEWE_APP_ID=… MEWE_API_KEY=…
  mewe-agent send --agent $AGENT --thread $THREAD 'Hello, Sigrún!'
  uptime | mewe-agent send --agent $AGENT --thread $THREAD")]
pub(crate) struct Send {
    #[command(flatten)]
    from: From,
    /// The thread: 24 hex digits.
    #[arg(long, value_name = "ID")]
    thread: ThreadId,
    /// Print JSON instead: {"chatMessageId":…,"createdAt":…}; a field is null if the host did not tell.
    #[arg(long)]
    json: bool,
    /// The text [default: standard input].
    text: Option<String>,
}

/// As which agent, of which application, at which host.
#[derive(Debug, Args)]
pub(crate) struct From {
    /// The agent's id: 24 hex digits [default: MEWE_AGENT_ID].
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,
    #[command(flatten)]
    account: AccountArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    chat_message_id: Option<MessageId>,
    created_at: Option<String>,
}

impl From {
    /// A client, and the agent to speak as.
    pub(crate) fn client(&self) -> Result<(Client, AgentId), Failure> {
        let file = self.account.file()?;
        let account = self.account.account(&file)?;
        let agent = file
            .pick(self.agent, "MEWE_AGENT_ID", "agent_id", None)?
            .ok_or_else(|| Failure::usage("no agent is named").hint("give --agent, or set MEWE_AGENT_ID"))?;
        let seams = Seams::production().map_err(Failure::refused)?;
        Ok((Client::new(account, seams.transport, seams.clock), agent))
    }
}

pub(crate) async fn run(send: Send) -> Result<Exit, Failure> {
    let (client, agent) = send.from.client()?;
    let text = match send.text {
        Some(text) => text,
        None => String::from_utf8(body_from_stdin()?).map_err(|_| Failure::usage("standard input is not UTF-8"))?,
    };
    let text: MessageText = text.parse().map_err(Failure::usage)?;
    let sent = client.send(agent, send.thread, &text).await.map_err(|error| match &error {
        CallError::InDoubt(_) => failure(&error).hint("the message may be in the thread: read it before sending again"),
        _ => failure(&error),
    })?;
    if send.json {
        let created_at = sent.created_at.map(mewe_protocol::message::timestamp_ms);
        output::json(&Sent { chat_message_id: sent.id, created_at })?;
    } else if let Some(id) = sent.id {
        output::line(&id.to_string())?;
    } else {
        output::note("sent; the host did not say under which id");
    }
    Ok(Exit::Done)
}

/// A call that failed, in words, with what to do.
pub(crate) fn failure(error: &CallError) -> Failure {
    let failure = Failure::refused(error);
    match (error, error.hint()) {
        (CallError::Refused { retry_after: Some(wait), .. }, _) => {
            failure.hint(format!("try again in {} s", wait.as_secs()))
        }
        (CallError::Refused { status: 420 | 429, .. }, _) => failure.hint("it is too much at once: try again later"),
        (_, Some(hint)) => failure.hint(hint),
        (_, None) => failure,
    }
}
