//! `mewe-agent dev`: a whole MeWe on this machine, in one process.
//!
//! Host and assistant share the process and nothing else: they meet over HTTP on loopback, as they would across the world. The
//! order of the start makes every crash harmless: the key is on the disk before the host knows it, both ports are bound before
//! the host is told where to call, and what the host sets up is one transaction that completes what is missing.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;
use mewe_agent::{Account, ApiKey, App, HostUrl, Owners};
use mewe_host::{Demo, DemoPlan, WebhookUrl};

use super::{
    host::{self, Opened, bind, url_of},
    run::cannot_build,
    stop_on_signal,
};
use crate::{
    exit::{Exit, Failure},
    output, settings,
};

/// The file in the data directory that keeps the application's key.
const API_KEY_FILE: &str = "api-key";
/// Where `chat` looks for a host when it is not told.
const DEFAULT_URL: &str = "http://127.0.0.1:8787";
const FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Bring up a whole MeWe on this machine: a host, an assistant, two people, their threads.
#[derive(Debug, Args)]
#[command(after_help = "\
Pétur Jureksson owns the agent MuadDib; it sits in the threads Family and Work, which he shares with Sigrún Guðmundsdóttir. \
The second start goes on where the first stopped. The operator token is that of MEWE_OPERATOR_TOKEN, or kept in the data \
directory in host/operator-token.

Examples:
  mewe-agent dev
  mewe-agent chat --as Pétur                            in another terminal: write `help`
  mewe-agent chat --as Sigrún --thread Family           … and mention @MuadDib
  mewe-agent dev --agent-url http://127.0.0.1:9000/webhook

With --agent-url the host runs alone, for an agent of your own in any language, and what that agent needs goes to standard output: \
MEWE_HOST, MEWE_APP_ID, MEWE_API_KEY.")]
pub(crate) struct Dev {
    /// Where the host listens, on loopback. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where the assistant listens [default: a free port of 127.0.0.1].
    #[arg(long, value_name = "ADDRESS", conflicts_with = "agent_url")]
    agent_listen: Option<SocketAddr>,
    /// Where everything is kept, by one process at a time [default: mewe-agent/dev in the platform's directory of data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    keep: host::Keep,
    /// The webhook of an agent of your own, instead of the assistant.
    #[arg(long, value_name = "URL")]
    agent_url: Option<WebhookUrl>,
}

pub(crate) async fn run(dev: Dev) -> Result<Exit, Failure> {
    if !mewe_host::is_loopback(dev.listen) {
        let words = format!("{} can be reached from other machines, and here nobody is asked who they are", dev.listen);
        return Err(Failure::usage(words).hint("listen on 127.0.0.1; for others, there is `mewe-agent host --public`"));
    }
    let dir = dev.data_dir.clone().map_or_else(|| settings::platform_data_dir("dev"), Ok)?;
    let host = host::open(dev.listen, &dir.join("host"), |config| dev.keep.apply(config)).await?;
    // What the agent will call.
    let address: HostUrl = host.url.parse().map_err(Failure::usage)?;
    let (assistant, webhook) = if let Some(url) = dev.agent_url {
        (None, url)
    } else {
        let listener = bind(dev.agent_listen.unwrap_or(FREE_PORT)).await?;
        let webhook = format!("{}/webhook", url_of(listener.local_addr().map_err(Failure::refused)?));
        (Some(listener), webhook.parse().map_err(Failure::refused)?)
    };
    let key = ApiKey::new(settings::kept_secret(&dir.join(API_KEY_FILE))?).map_err(Failure::refused)?;
    let plan = DemoPlan { key: key.clone(), webhook_url: webhook };
    let demo = host.host.ensure_demo(plan).await.map_err(Failure::refused)?;
    let stop = stop_on_signal(&host.seams)?;
    let Some(listener) = assistant else {
        output::note(&host.where_it_is());
        output::announce(&format!("MEWE_HOST={address}\nMEWE_APP_ID={}\nMEWE_API_KEY={}", demo.app, key.expose()));
        output::note(&format!("\n{}", what_to_try(&host, &dir, dev.data_dir.is_some(), &demo)));
        host.host.serve_on(host.listener, stop).await;
        return Ok(Exit::Done);
    };
    let app = mewe_assistant::assistant(App::builder(Account::new(address, demo.app, key)))
        .owners(Owners::Any)
        .data_dir(dir.join("agent"))
        .seams(host.seams.clone())
        .build()
        .await
        .map_err(|error| cannot_build(&error))?;
    let words = what_to_try(&host, &dir, dev.data_dir.is_some(), &demo);
    output::announce(&format!("{}\n\n{words}", host.where_it_is()));
    tokio::join!(host.host.serve_on(host.listener, stop.clone()), app.serve_on(listener, stop));
    Ok(Exit::Done)
}

/// What a person may type next, with the ids and the places of this very host.
fn what_to_try(host: &Opened, dir: &Path, dir_was_given: bool, demo: &Demo) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "mewe-agent".to_owned());
    let there = if host.url == DEFAULT_URL { String::new() } else { format!(" --host {}", host.url) };
    let kept = match &host.token_file {
        Some(_) if dir_was_given => format!(" --data-dir {}", quoted(&dir.display().to_string())),
        _ => String::new(),
    };
    let chat = format!("{} chat{there}{kept}", quoted(&program));
    let token = match &host.token_file {
        Some(file) => format!("$(cat {})", quoted(&file.display().to_string())),
        None => format!("${}", settings::MEWE_OPERATOR_TOKEN),
    };
    let messages = format!("{}/operator/threads/{}/messages", host.url, demo.personal);
    format!(
        "\
Pétur Jureksson owns the agent MuadDib; both sit in the threads Family and Work with Sigrún Guðmundsdóttir.
Talk from another terminal:
  {chat} --as Pétur                       and write: help
  {chat} --as Sigrún --thread Family      and write: @MuadDib hello
  {chat} --as Pétur                       and write: catch up
or as any program does:
  curl -H \"Authorization: Bearer {token}\" -d '{{\"userId\":\"{}\",\"text\":\"help\"}}' {messages}
  curl -H \"Authorization: Bearer {token}\" {messages}

Ctrl-C ends it; the next start goes on from here.",
        demo.petur
    )
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_with_spaces_and_quotes_is_one_word_of_a_shell() {
        assert_eq!(super::quoted("/home/petur/data"), "/home/petur/data");
        assert_eq!(super::quoted("Pétur's data"), r"'Pétur'\''s data'");
    }
}
