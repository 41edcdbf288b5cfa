//! Settings: a flag wins over the environment, the environment over the settings file.
//!
//! No flag takes a secret, since every process on a machine can read the command line of every other: a key comes from the
//! environment or from a file that only its owner can read. A settings file is never looked for in the current directory: one
//! that somebody left there would decide to which host our signatures go.

use std::{
    fmt::{Display, Write as _},
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use etcetera::BaseStrategy;
use mewe_agent::{Account, ApiKey, AppId, HostUrl, Reading};
use mewe_protocol::decided;
use mewe_runtime::random::{OsRandom, Random};
use serde::Deserialize;

use crate::{exit::Failure, output};

/// The application's key.
pub(crate) const MEWE_API_KEY: &str = "MEWE_API_KEY";
/// The token of the operator API.
pub(crate) const MEWE_OPERATOR_TOKEN: &str = "MEWE_OPERATOR_TOKEN";
/// The file in a host's data directory that keeps its operator token.
pub(crate) const OPERATOR_TOKEN_FILE: &str = "operator-token";

/// Which application, at which host.
#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    /// The host [default: MEWE_HOST, or https://mewe.com]. http is refused for anything but loopback.
    #[arg(long, value_name = "URL")]
    host: Option<HostUrl>,
    /// The application's id: 24 hex digits [default: MEWE_APP_ID].
    #[arg(long, alias = "app-id", value_name = "ID")]
    app: Option<AppId>,
    /// Which reading of "no white spaces" signatures have: compact, raw or stripped [default: MEWE_SIGNATURE_PAYLOAD, or
    /// compact].
    #[arg(long, value_name = "READING")]
    payload: Option<Reading>,
    /// A settings file [default: MEWE_CONFIG, or mewe-agent/config.toml in the platform's directory of settings, if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What a settings file may hold. It must be of mode 0600 if it holds the key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    host: Option<String>,
    app_id: Option<String>,
    api_key: Option<String>,
    pub(crate) listen: Option<String>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) owners: Option<OwnersSetting>,
    #[serde(default)]
    signature: SignatureSettings,
    /// Where it was read from, for messages.
    #[serde(skip)]
    path: PathBuf,
}

/// Whom the agents obey, as a word or as a list of ids.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OwnersSetting {
    /// `first`, `any`, or ids with commas between them.
    Word(String),
    /// Ids.
    List(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureSettings {
    payload: Option<String>,
    tolerance: Option<u64>,
}

impl AccountArgs {
    /// The settings file that goes with these arguments; an empty one if there is none.
    ///
    /// # Errors
    /// When it cannot be read, holds something unknown, or shows the key to other users.
    pub(crate) fn file(&self) -> Result<File, Failure> {
        let (path, asked) = match (&self.config, variable("MEWE_CONFIG")) {
            (Some(path), _) => (path.clone(), true),
            (None, Some(path)) => (PathBuf::from(path), true),
            (None, None) => match etcetera::choose_base_strategy() {
                Ok(base) => (base.config_dir().join("mewe-agent").join("config.toml"), false),
                Err(_) => return Ok(File::default()),
            },
        };
        match fs::read_to_string(&path) {
            Ok(text) => File::parse(&text, path),
            Err(error) if error.kind() == ErrorKind::NotFound && !asked => Ok(File::default()),
            Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
        }
    }

    /// The account that flags, environment and file make together.
    ///
    /// # Errors
    /// What is missing or wrong, and where.
    pub(crate) fn account(&self, file: &File) -> Result<Account, Failure> {
        let host = file.pick(self.host.clone(), "MEWE_HOST", "host", file.host.as_deref())?;
        let host = match host {
            Some(host) => host,
            None => decided::DEFAULT_HOST.parse().map_err(Failure::usage)?,
        };
        let app = file.pick(self.app, "MEWE_APP_ID", "app_id", file.app_id.as_deref())?.ok_or_else(|| {
            Failure::usage("MEWE_APP_ID is not set").hint("set it to the application's id, or give --app")
        })?;
        let key = match (&file.api_key, variable(MEWE_API_KEY)) {
            (Some(key), None) => ApiKey::new(key).map_err(|e| file.wrong("api_key", e))?,
            _ => api_key()?,
        };
        let payload = file.signature.payload.as_deref();
        let reading = file.pick(self.payload, "MEWE_SIGNATURE_PAYLOAD", "signature.payload", payload)?;
        Ok(Account::new(host, app, key)
            .reading(reading.unwrap_or_default())
            .tolerance(file.signature.tolerance.unwrap_or(decided::TOLERANCE_SECONDS)))
    }
}

impl File {
    fn parse(text: &str, path: PathBuf) -> Result<Self, Failure> {
        let mut file: Self = toml::from_str(text).map_err(|error| {
            // Of the parser's drawing the first words and the place; the line itself may be the key's.
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Failure::usage(format!("{}:{line}: {}", path.display(), error.message()))
        })?;
        if file.api_key.is_some() && shown_to_others(&path) {
            return Err(Failure::usage(format!("{} holds the key, and other users can read it", path.display()))
                .hint(format!("chmod 600 {}", path.display())));
        }
        file.path = path;
        Ok(file)
    }

    /// A setting: the flag, or the variable, or the file's.
    ///
    /// # Errors
    /// When a value is none, naming the variable or the file.
    pub(crate) fn pick<T: FromStr<Err: Display>>(
        &self,
        flag: Option<T>,
        name: &str,
        key: &str,
        in_file: Option<&str>,
    ) -> Result<Option<T>, Failure> {
        if flag.is_some() {
            return Ok(flag);
        }
        if let Some(value) = variable(name) {
            return value.parse().map(Some).map_err(|why| Failure::usage(format!("{name} is wrong: {why}")));
        }
        in_file.map(|value| value.parse().map_err(|why| self.wrong(key, why))).transpose()
    }

    pub(crate) fn wrong(&self, key: &str, why: impl Display) -> Failure {
        Failure::usage(format!("{}: {key} is wrong: {why}", self.path.display()))
    }
}

/// A variable of the environment; an empty one is as if it were not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The application's key, from the environment.
///
/// # Errors
/// When it is not set.
pub(crate) fn api_key() -> Result<ApiKey, Failure> {
    let missing = || Failure::usage("MEWE_API_KEY is not set; set it to the key that the host showed once");
    ApiKey::new(variable(MEWE_API_KEY).ok_or_else(missing)?).map_err(|_| missing())
}

/// The reading of signatures, where no settings file has a say.
///
/// # Errors
/// When the variable holds no reading.
pub(crate) fn reading(flag: Option<Reading>) -> Result<Reading, Failure> {
    let reading = File::default().pick(flag, "MEWE_SIGNATURE_PAYLOAD", "", None)?;
    Ok(reading.unwrap_or_default())
}

/// The data directory of this name where the platform keeps data.
///
/// # Errors
/// When the platform does not say where that is.
pub(crate) fn platform_data_dir(name: &str) -> Result<PathBuf, Failure> {
    match etcetera::choose_base_strategy() {
        Ok(base) => Ok(base.data_dir().join("mewe-agent").join(name)),
        Err(error) => Err(Failure::usage(format!("there is no place for data: {error}")).hint("give --data-dir")),
    }
}

/// The operator token of the environment, if it is set.
///
/// # Errors
/// When it can be no header.
pub(crate) fn operator_token_of_environment() -> Result<Option<String>, Failure> {
    let token = variable(MEWE_OPERATOR_TOKEN);
    if token.as_deref().is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(Failure::usage("MEWE_OPERATOR_TOKEN must be of visible ASCII characters, without spaces"));
    }
    Ok(token)
}

/// The secret in `path`; made of 32 random bytes and kept there, for its owner alone, if there is none.
///
/// # Errors
/// When the directory cannot be made or written, or the file holds nothing.
pub(crate) fn kept_secret(path: &Path) -> Result<String, Failure> {
    let unwritable = |error: std::io::Error| {
        Failure::refused(format!("{} cannot be written: {error}", path.display()))
            .hint("choose a --data-dir that this user may write")
    };
    if let Some(dir) = path.parent() {
        private_dir(dir).map_err(unwritable)?;
    }
    loop {
        if let Some(secret) = read_secret(path)? {
            return Ok(secret);
        }
        // Complete before it has its name, and never in place of one that another process made in this very moment.
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        write_private(&draft, random_hex().as_bytes()).map_err(unwritable)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(unwritable)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(unwritable(error)),
            // Read back what is there now: ours, or the other process's.
            _ => {}
        }
    }
}

/// The secret in `path`, if the file is there.
///
/// # Errors
/// When it cannot be read or holds nothing.
pub(crate) fn read_secret(path: &Path) -> Result<Option<String>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::refused(format!("{} cannot be read: {error}", path.display()))
                .hint("run as the user who made it, or choose another --data-dir"));
        }
    };
    let secret = text.trim();
    if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::refused(format!("{} holds no secret", path.display())).hint("delete that file"));
    }
    if shown_to_others(path) {
        output::note(&format!("warning: other users can read {}; chmod 600 it", path.display()));
    }
    Ok(Some(secret.to_owned()))
}

fn random_hex() -> String {
    let mut bytes = [0; 32];
    OsRandom.fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Writes a file that only its owner can read, and waits until the disk has it.
fn write_private(path: &Path, data: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(data)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(unix)]
fn shown_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn shown_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(failure: Failure) -> String {
        match failure {
            Failure::Told { message, .. } => message,
            Failure::ReaderLeft => panic!("nothing was told"),
        }
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused_with_its_place() {
        let failure = File::parse("host = \"https://mewe.com\"\napi_kee = \"x\"\n", "c.toml".into()).unwrap_err();
        let told = message(failure);
        assert!(told.starts_with("c.toml:2: unknown field `api_kee`"), "{told}");
    }

    #[test]
    fn a_broken_line_with_the_key_is_not_printed() {
        let told = message(File::parse("api_key = \"s3cret", "c.toml".into()).unwrap_err());
        assert!(told.starts_with("c.toml:1: ") && !told.contains("s3cret"), "{told}");
    }

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host").join(OPERATOR_TOKEN_FILE);
        let secret = kept_secret(&path).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(kept_secret(&path).unwrap(), secret);
        assert!(!shown_to_others(&path));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_settings_file_that_shows_the_key_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let text = "api_key = \"s3cret-s3cret\"";
        let told = message(File::parse(text, path.clone()).unwrap_err());
        assert!(told.contains("other users can read it") && !told.contains("s3cret"), "{told}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(File::parse(text, path).is_ok());
    }
}
