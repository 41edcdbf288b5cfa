//! `mewe-agent verify`: whether a signature is right, and if not, what would make it so.

use std::fmt::Write;

use clap::{Args, Subcommand};
use http::{HeaderMap, HeaderName, HeaderValue};
use mewe_protocol::{Reading, Refusal, UnixSeconds, decided, request, signature::Explained, webhook};

use super::{body_from_stdin, now, seconds};
use crate::{
    exit::{Exit, Failure},
    output, settings,
};

/// Verify a signature.
#[derive(Debug, Args)]
#[command(after_help = "\
The body is read from standard input, byte for byte as it came, 256 KiB at most. The key comes from MEWE_API_KEY.

Prints `ok` and exits 0, or prints `rejected: header`, `rejected: timestamp` or `rejected: signature` and exits 1. They are \
checked in this order.

Examples:
  mewe-agent verify webhook -H 'X-Event: personal_chat_message' -H \"X-Agent-Id: $AGENT\" \\
    -H 'X-Timestamp: 1764000000' -H \"X-Signature: $SIGNATURE\" --now 1764000002 < body.json
  A real service signs otherwise than expected? See which reading and which time would match:
    mewe-agent verify webhook … --explain < body.json")]
pub(crate) struct Verify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What an agent sends to its host: X-App-Id, X-Agent-Id, X-Timestamp, X-Signature.
    Request(Given),
    /// What a host sends to an agent: X-Event, X-Agent-Id, X-Timestamp, X-Signature.
    Webhook(Given),
}

#[derive(Debug, Args)]
struct Given {
    /// A header as it came, `Name: value`; once for each. Names may be in any case; others than the four are passed over.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,
    /// The time to compare with, in unix seconds [default: now].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    now: Option<UnixSeconds>,
    /// How many seconds the time-stamp may be off, either way.
    #[arg(long, value_name = "SECONDS", default_value_t = decided::TOLERANCE_SECONDS)]
    tolerance: u64,
    /// Which reading of "no white spaces" has to match: compact, raw or stripped [default: MEWE_SIGNATURE_PAYLOAD, or compact].
    #[arg(long, value_name = "READING")]
    payload: Option<Reading>,
    /// Print, after the verdict, each reading of the body and whether it matches, whatever the time-stamp.
    #[arg(long)]
    explain: bool,
}

/// A header of the command line. Its value may be one that no header can have: that is for the verdict to say.
#[derive(Debug, Clone)]
struct Header(HeaderName, Option<HeaderValue>);

fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let name = name.trim().parse().map_err(|_| "no header has such a name")?;
    Ok(Header(name, HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok()))
}

pub(crate) fn run(verify: &Verify) -> Result<Exit, Failure> {
    let key = settings::api_key()?;
    let (What::Request(given) | What::Webhook(given)) = &verify.what;
    let reading = settings::reading(given.payload)?;
    let now = given.now.unwrap_or_else(now);
    let body = body_from_stdin()?;
    let keys = [key];
    let (verdict, explained) = match (&verify.what, header_map(&given.headers)) {
        (_, Err(refusal)) => (Err(refusal), Vec::new()),
        (What::Request(_), Ok(headers)) => match request::Unverified::from_headers(&headers) {
            Ok(request) => {
                let explained = request.explain(&body, &keys, given.tolerance, now);
                (request.verify(&body, &keys[0], reading, given.tolerance, now).map(drop), explained)
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        },
        (What::Webhook(_), Ok(headers)) => match webhook::Unverified::from_headers(&headers) {
            Ok(webhook) => {
                let explained = webhook.explain(&body, &keys, given.tolerance, now);
                (webhook.verify(body.into(), &keys, reading, given.tolerance, now).map(drop), explained)
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        },
    };
    let mut answer = match &verdict {
        Ok(()) => "ok".to_owned(),
        Err(refusal) => format!("rejected: {refusal}"),
    };
    if given.explain {
        answer.push_str(&explain(&verdict, &explained, given.tolerance));
    } else if let Err(refusal) = &verdict {
        output::note(&format!("hint: {}", hint(refusal)));
    }
    // The verdict is the exit code; a reader who left does not change it.
    match (output::line(&answer), verdict) {
        (Err(failure @ Failure::Told { .. }), _) => Err(failure),
        (_, Ok(())) => Ok(Exit::Done),
        (_, Err(_)) => Ok(Exit::Refused),
    }
}

fn header_map(given: &[Header]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for Header(name, value) in given {
        let (name, fault) = (name.clone(), "not text that a header can hold");
        let value = value.clone().ok_or_else(|| Refusal::Header { name: name.clone(), fault })?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn hint(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Header { .. } => refusal.detail(),
        _ => format!("{}; --explain shows what would match", refusal.detail()),
    }
}

fn explain(verdict: &Result<(), Refusal>, explained: &[Explained], tolerance: u64) -> String {
    let mut words = String::new();
    // Writing to a String cannot fail.
    if let Err(refusal @ Refusal::Header { .. }) = verdict {
        let _ = write!(words, "\n{}", refusal.detail());
        return words;
    }
    for one in explained {
        let verb = if one.matches { "matches" } else { "does not match" };
        let _ = write!(words, "\n{:<9} {verb}", one.reading.to_string());
    }
    match explained.first().and_then(|one| one.shift) {
        Some(shift) => {
            let side = if shift > 0 { "ahead of" } else { "behind" };
            let _ = write!(words, "\ntimestamp {} s {side} now; {tolerance} s are allowed", shift.unsigned_abs());
        }
        None if matches!(verdict, Err(Refusal::Timestamp)) => words.push_str("\ntimestamp is no number of seconds"),
        None => {}
    }
    if !explained.iter().any(|one| one.matches) {
        words.push_str("\nno reading matches: another key signed, or other bytes than these");
    }
    words
}
