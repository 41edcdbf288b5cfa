//! `mewe-agent completions`: what a shell needs to complete our command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{
    Cli,
    exit::{Exit, Failure},
    output,
};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mewe-agent completions bash > ~/.local/share/bash-completion/completions/mewe-agent
  mewe-agent completions fish > ~/.config/fish/completions/mewe-agent.fish")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(completions: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "mewe-agent", &mut script);
    output::bytes(&script)?;
    Ok(Exit::Done)
}
