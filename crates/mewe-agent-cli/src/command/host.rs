//! `mewe-agent host`: the platform side alone.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::SignedDuration;
use mewe_host::HostConfig;
use mewe_runtime::{Seams, serve};
use mewe_store::OpenError;
use tokio::net::TcpListener;

use super::stop_on_signal;
use crate::{
    exit::{Exit, Failure},
    output, settings,
};

/// Host agents: applications, users, threads, the signed API, webhooks that lose nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
What MeWe's portal and apps do by hand, the operator API does with the operator token: it registers applications, makes \
users, threads and agents, and speaks as a user. The token comes from MEWE_OPERATOR_TOKEN; without it, one is made at the \
first start and kept in the data directory in the file `operator-token`, mode 0600.

The console, a web page at /, does the same by hand. It asks nobody who they are, and so answers on this machine alone; with \
--public it asks for the operator token.

Examples:
  mewe-agent host
  curl -H \"Authorization: Bearer $(cat DATA_DIR/operator-token)\" http://127.0.0.1:8787/operator/apps
  MEWE_OPERATOR_TOKEN=… mewe-agent host --public --listen 0.0.0.0:8787 --name chat.example.org")]
pub(crate) struct Host {
    /// Where to listen. Anything but loopback needs --public and MEWE_OPERATOR_TOKEN. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where everything is kept, by one process at a time [default: mewe-agent/host in the platform's directory of data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Others than the user of this machine reach this host: the console asks for the operator token, and nothing can be made
    /// to go wrong on purpose.
    #[arg(long)]
    public: bool,
    /// A name, beside loopback, under which console and operator API may be reached; may be repeated. Needs --public.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    keep: Keep,
    /// Accept the same signed request twice, as a host without replay memory does: for testing clients, never for use.
    #[arg(long, hide = true)]
    forget_replays: bool,
}

/// For how long a host can be asked what it did.
#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// For how long attempts of deliveries and calls of the agent API can be looked at, in days or hours (30d, 12h).
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = days_or_hours)]
    keep_attempts: SignedDuration,
}

impl Keep {
    pub(crate) fn apply(&self, config: &mut HostConfig) {
        config.keep_attempts = self.keep_attempts;
    }
}

fn days_or_hours(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "a time is a number of days or hours, such as 30d or 12h".to_owned();
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => return Err(wrong()),
    };
    // A hundred years are enough for everybody.
    let number = number.parse::<u32>().ok().filter(|number| *number <= 876_000 / hours).ok_or_else(wrong)?;
    Ok(SignedDuration::from_hours(i64::from(number) * i64::from(hours)))
}

pub(crate) async fn run(args: Host) -> Result<Exit, Failure> {
    if let Some(way) = way_in(&args).filter(|_| !args.public) {
        let words = format!("others can reach this host {way}, and its console would ask nobody who they are");
        return Err(Failure::usage(words).hint("add --public, and set MEWE_OPERATOR_TOKEN to a long random text"));
    }
    let dir = args.data_dir.map_or_else(|| settings::platform_data_dir("host"), Ok)?;
    let host = open(args.listen, &dir, |config| {
        config.names = args.names;
        config.public = args.public;
        args.keep.apply(config);
        config.replay_memory = !args.forget_replays;
    })
    .await?;
    let stop = stop_on_signal(&host.seams)?;
    output::announce(&host.where_it_is());
    host.host.serve_on(host.listener, stop).await;
    Ok(Exit::Done)
}

/// How others than the user of this machine may come, by what was asked for.
fn way_in(args: &Host) -> Option<String> {
    let listens = (!mewe_host::is_loopback(args.listen)).then(|| format!("at {}", args.listen));
    listens.or_else(|| args.names.first().map(|name| format!("as {name}")))
}

/// A host that listens, and has not begun to serve.
pub(crate) struct Opened {
    pub(crate) host: mewe_host::Host,
    pub(crate) listener: TcpListener,
    pub(crate) seams: Seams,
    /// How this machine reaches it.
    pub(crate) url: String,
    /// Where the token is kept; none if it is that of the environment.
    pub(crate) token_file: Option<PathBuf>,
}

/// Opens the host of `dir`, set up as usual but for what `set_up` changes, and listens on `listen`.
///
/// # Errors
/// What is in the way, and what to do.
pub(crate) async fn open(
    listen: SocketAddr,
    dir: &Path,
    set_up: impl FnOnce(&mut HostConfig),
) -> Result<Opened, Failure> {
    let given = settings::operator_token_of_environment()?;
    if given.is_none() && !mewe_host::is_loopback(listen) {
        return Err(Failure::usage(format!(
            "{listen} can be reached from other machines, and MEWE_OPERATOR_TOKEN is not set"
        ))
        .hint("set MEWE_OPERATOR_TOKEN to a long random text, or listen on 127.0.0.1"));
    }
    let token_file = given.is_none().then(|| dir.join(settings::OPERATOR_TOKEN_FILE));
    // The port first: who finds it in use has made no directory yet.
    let listener = bind(listen).await?;
    let token = match given {
        Some(token) => token,
        None => settings::kept_secret(&dir.join(settings::OPERATOR_TOKEN_FILE))?,
    };
    let seams = Seams::production().map_err(Failure::refused)?;
    let mut config = HostConfig::new(dir, token);
    set_up(&mut config);
    let host = mewe_host::Host::open(config, seams.clone()).await.map_err(|error| cannot_open(&error))?;
    let url = url_of(listener.local_addr().map_err(Failure::refused)?);
    Ok(Opened { host, listener, seams, url, token_file })
}

impl Opened {
    /// Where it listens, where its page is and where the token is; never the token.
    pub(crate) fn where_it_is(&self) -> String {
        let token = match &self.token_file {
            Some(file) => format!("in {}", file.display()),
            None => format!("that of {}", settings::MEWE_OPERATOR_TOKEN),
        };
        format!("host listens on {0}\nconsole: {0}/\noperator token: {token}", self.url)
    }
}

/// How this machine reaches who listens on `addr`: all addresses include loopback.
pub(crate) fn url_of(mut addr: SocketAddr) -> String {
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{addr}")
}

/// Listens on `addr`.
///
/// # Errors
/// When that cannot be.
pub(crate) async fn bind(addr: SocketAddr) -> Result<TcpListener, Failure> {
    serve::bind(addr).await.map_err(|error| {
        let hint = match error {
            serve::BindError::InUse(_) => {
                "stop that process, or choose another port with --listen (0 takes a free one)"
            }
            serve::BindError::Refused(..) => "choose an address of this machine, and a port from 1024 up",
        };
        Failure::refused(error).hint(hint)
    })
}

/// A data directory that cannot be opened, in words, with what to do.
pub(crate) fn cannot_open(error: &OpenError) -> Failure {
    Failure::refused(error).hint(error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_keep_is_days_or_hours() {
        assert_eq!(days_or_hours("30d"), Ok(SignedDuration::from_hours(720)));
        assert_eq!(days_or_hours("12h"), Ok(SignedDuration::from_hours(12)));
        for bad in ["", "30", "d", "-1d", "1w", "4294967296h", "36501d", "1.5d"] {
            assert!(days_or_hours(bad).is_err(), "{bad}");
        }
    }
}
