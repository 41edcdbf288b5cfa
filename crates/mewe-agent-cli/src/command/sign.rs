//! `mewe-agent sign`: the headers, or the very string that is signed.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use mewe_protocol::{AgentId, AppId, EventName, Reading, UnixSeconds, request, webhook};

use super::{body_from_stdin, now, seconds};
use crate::{
    exit::{Exit, Failure},
    output, settings,
};

/// Sign a body.
#[derive(Debug, Args)]
#[command(after_help = "\
The body is read from standard input, 256 KiB at most; it need not be JSON, and may be empty (as for a GET). The key comes \
from MEWE_API_KEY.

Examples:
  A call of the agent API, made with curl:
    echo '{\"text\":\"Hello, Sigrún\"}' > body.json
    mewe-agent sign request --app $APP --agent $AGENT < body.json > headers.txt
    curl -H @headers.txt --json @body.json $MEWE_HOST/api/dev/chat/thread/$THREAD/message
  A webhook, to try an agent of your own:
    mewe-agent sign webhook --event personal_agent_unregistered --agent $AGENT < body.json
  The same signature by another program, to find a difference:
    mewe-agent sign request --app $APP --agent $AGENT --timestamp 1764000000 --base < body.json |
      openssl dgst -sha256 -hmac \"$MEWE_API_KEY\"")]
pub(crate) struct Sign {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What an agent sends to its host: X-App-Id, X-Agent-Id, X-Timestamp, X-Signature.
    Request {
        /// The application's id: 24 hex digits.
        #[arg(long, value_name = "ID")]
        app: AppId,
        #[command(flatten)]
        common: Common,
    },
    /// What a host sends to an agent: X-Event, X-Agent-Id, X-Timestamp, X-Signature.
    Webhook {
        /// The event's name, such as personal_chat_message.
        #[arg(long, value_name = "NAME")]
        event: EventName,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// The agent's id: 24 hex digits.
    #[arg(long, value_name = "ID")]
    agent: AgentId,
    /// When it is signed, in unix seconds [default: now].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timestamp: Option<UnixSeconds>,
    /// Which reading of "no white spaces" to sign: compact, raw or stripped [default: MEWE_SIGNATURE_PAYLOAD, or compact].
    #[arg(long, value_name = "READING")]
    payload: Option<Reading>,
    /// Print the string that is signed instead of the headers; needs no key.
    #[arg(long)]
    base: bool,
}

pub(crate) fn run(sign: &Sign) -> Result<Exit, Failure> {
    let common = match &sign.what {
        What::Request { common, .. } | What::Webhook { common, .. } => common,
    };
    let (agent, at) = (common.agent, common.timestamp.unwrap_or_else(now));
    let reading = settings::reading(common.payload)?;
    let key = if common.base { None } else { Some(settings::api_key()?) };
    let body = body_from_stdin()?;
    match (&sign.what, key) {
        (What::Request { app, .. }, None) => base(&request::base(*app, agent, at, &body, reading))?,
        (What::Webhook { event, .. }, None) => base(&webhook::base(event, agent, at, &body, reading))?,
        (What::Request { app, .. }, Some(key)) => {
            output::line(&request::sign(&key, *app, agent, at, &body, reading).lines().join("\n"))?;
        }
        (What::Webhook { event, .. }, Some(key)) => {
            output::line(&webhook::sign(&key, event, agent, at, &body, reading).lines().join("\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// The exact bytes, so that another program can sign them; a line break only for a person's terminal.
fn base(base: &[u8]) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        output::line(&mewe_runtime::escape::text(&String::from_utf8_lossy(base)))
    } else {
        output::bytes(base)
    }
}
