//! The binary `mewe-agent`: one enum, one match. Each verb is a file in `command/`.

mod command;
mod exit;
mod operator;
mod output;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use command::{chat, completions, dev, host, read, run, send, sign, verify};
use exit::{Exit, Failure};

/// Run, build and host personal agents for MeWe chats.
#[derive(Debug, Parser)]
#[command(
    name = "mewe-agent",
    version,
    arg_required_else_help = true,
    after_help = "\
Begin here, without any set-up:
  mewe-agent dev                 a host, an assistant and two people, on this machine
  mewe-agent chat --as Pétur     talk with the assistant, in another terminal

Data goes to standard output, everything else to standard error. Exit codes: 0 done; 1 failed, refused or rejected; 2 wrong \
usage or settings. Secrets come from the environment or from files of mode 0600, never from a flag. MEWE_LOG=info (or debug) \
tells more.

An independent project, not affiliated with MeWe."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Dev),
    Run(run::Run),
    Host(host::Host),
    Chat(chat::Chat),
    Send(send::Send),
    Read(read::Read),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Completions(completions::Completions),
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(output::panicked));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => {
            // Help and version are answers and go to standard output; a reader who left changes nothing.
            let _ = asked.print();
            return if asked.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    output::log();
    let done = match cli.command {
        Command::Dev(args) => block_on(dev::run(args)),
        Command::Run(args) => block_on(run::run(args)),
        Command::Host(args) => block_on(host::run(args)),
        Command::Chat(args) => block_on(chat::run(args)),
        Command::Send(args) => block_on(send::run(args)),
        Command::Read(args) => block_on(read::run(args)),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    done.unwrap_or_else(output::tell).into()
}

/// Runs a verb that waits for the world.
fn block_on(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::refused(format!("no thread can be started: {error}")))?;
    let done = runtime.block_on(verb);
    // A thread that still waits for a line of standard input must not keep the program from ending. What was to be finished,
    // the verb has waited for.
    runtime.shutdown_background();
    done
}
