//! What judges the workspace, without a dependency of its own: `cargo xtask help`.

mod check;
mod setup;
mod tidy;

use std::{path::PathBuf, process::ExitCode};

const HELP: &str = "\
Judges the workspace.

  cargo xtask check                   everything that CI runs
  cargo xtask check --only STEP       one step: fmt, tidy, clippy, doc or test
  cargo xtask check --without NAME    goes on although NAME is missing on this machine (may be repeated):
                                      cc, browser or axe; the tests that need it say so and do nothing
  cargo xtask tidy                    only the cheap rules: sizes, white space, what belongs together
  cargo xtask help                    this page

`check` installs what a test needs (apt-get, npm) when it runs as root on Debian; elsewhere it says what is missing.
Exit codes: 0 all is well, 1 a step failed, 2 wrong usage.
";

/// The command line asks for something that does not exist.
struct Usage(String);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Usage(message)) => {
            eprintln!("error: {message}\nhint: see `cargo xtask help`");
            ExitCode::from(2)
        }
    }
}

/// Whether all was well.
fn run(args: &[String]) -> Result<bool, Usage> {
    let mut args = args.iter().map(String::as_str);
    match args.next() {
        Some("check") => Ok(check::check(&root(), &options(args)?)),
        Some("tidy") => Ok(tidy::report(&root())),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(true)
        }
        Some(other) => Err(Usage(format!("no task is called `{other}`"))),
    }
}

fn options<'a>(mut args: impl Iterator<Item = &'a str>) -> Result<check::Options, Usage> {
    let mut options = check::Options::default();
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| Usage(format!("`{flag}` wants a value")));
        match flag {
            "--only" => {
                let step = value?;
                let found = check::Step::ALL.into_iter().find(|s| s.name() == step);
                options.only = Some(found.ok_or_else(|| Usage(format!("no step is called `{step}`")))?);
            }
            "--without" => {
                let need = value?;
                if !setup::NEEDS.iter().any(|n| n.name == need) {
                    return Err(Usage(format!("no test needs a `{need}`")));
                }
                options.without.push(need.to_owned());
            }
            _ => return Err(Usage(format!("`check` knows no `{flag}`"))),
        }
    }
    Ok(options)
}

/// The root of the repository: this crate lies directly below it.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<bool, Usage> {
        super::run(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_does_not_exist_is_refused_before_anything_runs() {
        for line in ["chekc", "check --only lint", "check --without luck", "check --only", "check --fast now"] {
            assert!(run(line).is_err(), "{line}");
        }
        assert!(run("help").is_ok());
    }
}
