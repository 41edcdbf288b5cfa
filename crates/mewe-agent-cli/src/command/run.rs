//! `mewe-agent run`: the assistant against a real host.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
use mewe_agent::{App, BuildError, Owners, UserId};
use mewe_runtime::Seams;

use super::{host::bind, stop_on_signal};
use crate::{
    exit::{Exit, Failure},
    output,
    settings::{self, AccountArgs, File, OwnersSetting},
};

/// Run the assistant for the owners of an application, against a real host.
#[derive(Debug, Args)]
#[command(after_help = "\
Set the application up in the portal first: type personal_agent, permissions user_chats and post_content, and a webhookUrl \
that leads here, over a proxy or tunnel that speaks https: POST /webhook. GET /health says whether it lives.

A flag wins over the environment, the environment over the settings file. The key comes from MEWE_API_KEY or from the file, \
which must be of mode 0600 then:

  host = \"https://mewe.com\"
  app_id = \"…\"
  api_key = \"…\"
  listen = \"127.0.0.1:8788\"
  data_dir = \"/var/lib/mewe-agent\"
  owners = \"first\"               # or \"any\", or [\"ID\", …]
  [signature]
  payload = \"compact\"            # or \"raw\", or \"stripped\"
  tolerance = 300                # seconds

Examples:
  MEWE_APP_ID=… MEWE_API_KEY=… mewe-agent run
  mewe-agent run --config /etc/mewe-agent.toml --owners any")]
pub(crate) struct Run {
    #[command(flatten)]
    account: AccountArgs,
    /// Where to listen for webhooks [default: MEWE_LISTEN, or 127.0.0.1:8788].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where everything is kept, by one process at a time [default: MEWE_DATA_DIR, or mewe-agent/run in the platform's
    /// directory of data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whom the agents obey: `first` (whoever first registers one), `any`, or ids with commas between them [default:
    /// MEWE_OWNERS, or first].
    #[arg(long, value_name = "first|any|ID,…", value_parser = OwnersArg::from_str)]
    owners: Option<OwnersArg>,
}

#[derive(Debug, Clone)]
struct OwnersArg(Owners);

impl FromStr for OwnersArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "first" => Owners::First,
            "any" => Owners::Any,
            ids => Owners::Only(these(ids.split(','))?),
        }))
    }
}

fn these<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Vec<UserId>, String> {
    let parsed = ids
        .map(|id| id.trim().parse().map_err(|_| format!("`{id}` is neither first, any, nor an id of 24 hex digits")));
    let ids: Vec<UserId> = parsed.collect::<Result<_, String>>()?;
    if ids.is_empty() { Err("it names nobody".to_owned()) } else { Ok(ids) }
}

impl Run {
    fn owners(&self, file: &File) -> Result<Owners, Failure> {
        let word = match &file.owners {
            Some(OwnersSetting::Word(word)) => Some(word.as_str()),
            _ => None,
        };
        let picked = file.pick(self.owners.clone(), "MEWE_OWNERS", "owners", word)?;
        match (picked, &file.owners) {
            (Some(OwnersArg(owners)), _) => Ok(owners),
            (None, Some(OwnersSetting::List(ids))) => {
                let ids = these(ids.iter().map(String::as_str)).map_err(|why| file.wrong("owners", why))?;
                Ok(Owners::Only(ids))
            }
            (None, _) => Ok(Owners::First),
        }
    }

    fn data_dir(&self, file: &File) -> Result<PathBuf, Failure> {
        let given = self.data_dir.clone().or_else(|| settings::variable("MEWE_DATA_DIR").map(PathBuf::from));
        given.or_else(|| file.data_dir.clone()).map_or_else(|| settings::platform_data_dir("run"), Ok)
    }
}

pub(crate) async fn run(run: Run) -> Result<Exit, Failure> {
    let file = run.account.file()?;
    let account = run.account.account(&file)?;
    let listen = file.pick(run.listen, "MEWE_LISTEN", "listen", file.listen.as_deref())?;
    let listener = bind(listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8788)))).await?;
    let seams = Seams::production().map_err(Failure::refused)?;
    let host = account.host().clone();
    let app = mewe_assistant::assistant(App::builder(account))
        .owners(run.owners(&file)?)
        .data_dir(run.data_dir(&file)?)
        .seams(seams.clone())
        .build()
        .await
        .map_err(|error| cannot_build(&error))?;
    let stop = stop_on_signal(&seams)?;
    let here = listener.local_addr().map_err(Failure::refused)?;
    output::announce(&format!("assistant for {host} takes webhooks at http://{here}/webhook"));
    app.serve_on(listener, stop).await;
    Ok(Exit::Done)
}

/// An application that cannot be built, in words, with what to do.
pub(crate) fn cannot_build(error: &BuildError) -> Failure {
    Failure::refused(error).hint(error.hint())
}
