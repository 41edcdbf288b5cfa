//! What stories need: the binary, run as a user runs it.

mod browser;
mod corpus;
mod operator;
mod server;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::Duration,
};

pub(crate) use browser::{Browser, Line};
pub(crate) use corpus::corpus;
pub(crate) use operator::{Operator, text};
pub(crate) use server::{Died, Server, lasting_address};

/// The binary, with an environment that holds nothing of the machine's.
pub(crate) fn mewe_agent<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mewe-agent"));
    command.args(args).env_clear().env("TZ", "UTC");
    command
}

/// What a process that has ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).expect("data is UTF-8"),
            err: String::from_utf8(output.stderr).expect("words are UTF-8"),
        }
    }
}

impl Said {
    /// The words of a refusal: an `error:` line, perhaps a `hint:` line, and nothing else anywhere.
    pub(crate) fn error(&self) -> &str {
        let lines: Vec<&str> = self.err.lines().collect();
        assert!(self.out.is_empty() && !lines.is_empty() && lines[0].starts_with("error: "), "{self:?}");
        assert!(lines.len() <= 2 && lines[1..].iter().all(|line| line.starts_with("hint: ")), "{self:?}");
        &self.err
    }
}

/// Runs `command` with `input` on its standard input, to its end.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    // A process that needs no input may have ended before it took any.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("it ends").into()
}

/// Waits until `look` finds something; a test that waits for a minute waits for what does not come.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
    for _ in 0..3000 {
        if let Some(found) = look() {
            return found;
        }
        #[expect(clippy::disallowed_methods, reason = "another process tells nobody when it is done")]
        std::thread::sleep(BETWEEN_LOOKS);
    }
    panic!("waited in vain: {what}");
}
