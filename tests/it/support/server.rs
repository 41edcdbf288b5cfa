//! A server of ours as a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::{Operator, Said};

/// A process that serves until it is told to end; killed when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    err: NamedTempFile,
    /// What it printed until it listened.
    pub(crate) printed: String,
    /// Where it says that it listens.
    pub(crate) url: String,
}

/// A process that has ended by itself, and what it said on standard error.
#[derive(Debug)]
pub(crate) struct Died {
    pub(crate) status: ExitStatus,
    pub(crate) err: String,
}

impl Server {
    /// Starts `command` and waits until it says on standard output where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|died| panic!("it ended before it listened: {died:?}"))
    }

    /// Starts `command` and waits until it has printed `words` on standard output.
    pub(crate) fn start_until(command: &mut Command, words: &str) -> Self {
        let started = Self::printing(command, &[words]);
        started.unwrap_or_else(|died| panic!("it ended before it listened: {died:?}"))
    }

    /// Starts `command`, which may end before it listens.
    pub(crate) fn try_start(command: &mut Command) -> Result<Self, Died> {
        Self::printing(command, &["operator token: ", "takes webhooks at "])
    }

    fn printing(command: &mut Command, words: &[&str]) -> Result<Self, Died> {
        // A file, since nobody empties a pipe while the process runs.
        let err = NamedTempFile::new().expect("a file can be made");
        let writer = err.reopen().expect("it is there");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(writer).spawn();
        let mut child = child.expect("the binary starts");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut printed = String::new();
        while !words.iter().any(|words| printed.contains(words)) || !printed.ends_with('\n') {
            if out.read_line(&mut printed).expect("it prints text") == 0 {
                let status = child.wait().expect("it has ended");
                return Err(Died { status, err: read(&err) });
            }
        }
        let url =
            printed.split_whitespace().find(|word| word.starts_with("http://127.") && !word.ends_with("/webhook"));
        let url = url.unwrap_or_default().to_owned();
        Ok(Self { child, out, err, printed, url })
    }

    /// A host alone, with its data in `dir`, on a free port.
    pub(crate) fn host(dir: &Path) -> Self {
        let dir = dir.to_str().expect("a path of a test is UTF-8");
        Self::start(&mut super::mewe_agent(["host", "--listen", "127.0.0.1:0", "--data-dir", dir]))
    }

    /// Speaks to it with the token that it keeps in `dir`.
    pub(crate) fn operator(&self, dir: &Path) -> Operator {
        Operator::new(&self.url, &fs::read_to_string(token_file(dir)).expect("the token is kept"))
    }

    /// Whether it has ended by itself by now.
    pub(crate) fn died(&mut self) -> Option<Died> {
        let status = self.child.try_wait().expect("it can be asked")?;
        Some(Died { status, err: read(&self.err) })
    }

    /// Ends it as a loss of power does, and waits until it has.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end as a service manager does, and waits until it has.
    pub(crate) fn ends_on(mut self, signal: Signal) -> Said {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")).expect("it runs");
        kill_process(pid, signal).expect("it can be told");
        let mut out = std::mem::take(&mut self.printed);
        self.out.read_to_string(&mut out).expect("it prints text");
        let code = self.child.wait().expect("it ends").code().expect("it ends by itself");
        Said { code, out, err: read(&self.err) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &NamedTempFile) -> String {
    String::from_utf8_lossy(&fs::read(file.path()).expect("it is there")).into_owned()
}

/// Where a host whose data is in `dir` keeps its operator token.
pub(crate) fn token_file(dir: &Path) -> PathBuf {
    dir.join("operator-token")
}

/// An address of this test's own whose port stays free while the server on it is down: it is none of those that the system
/// gives to connections.
pub(crate) fn lasting_address() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Each test process begins elsewhere.
    let first = 20_000 + std::process::id() % 10_000;
    loop {
        let port = first + TAKEN.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "a port is free");
        let address = format!("127.0.0.1:{port}");
        // Not by listening there: a process that another test starts in this moment would inherit the socket for an instant.
        if TcpStream::connect(&address).is_err() {
            return address;
        }
    }
}
