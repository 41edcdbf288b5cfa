//! A file per verb; here is what several of them share.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod host;
pub(crate) mod read;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod sign;
pub(crate) mod verify;

use std::io::{IsTerminal, Read};

use mewe_protocol::{UnixSeconds, decided::MAX_BODY_BYTES};
use mewe_runtime::{
    Seams,
    clock::{Clock, SystemClock},
    stop::Stop,
};

use crate::{
    exit::{Exit, Failure},
    output,
};

/// This machine's time.
fn now() -> UnixSeconds {
    SystemClock.now().into()
}

/// Unix seconds of the command line: plain digits, as on the wire.
fn seconds(text: &str) -> Result<UnixSeconds, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.map(UnixSeconds).ok_or_else(|| "unix seconds are plain digits, such as 1764000000".to_owned())
}

/// All of standard input, as bytes: 256 KiB at most, which is what a host and an agent take too.
fn body_from_stdin() -> Result<Vec<u8>, Failure> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        output::note("reading the body from standard input; Ctrl-D ends it");
    }
    let mut body = Vec::new();
    // One byte more than allowed is enough to know that it is too much.
    let read = stdin.by_ref().take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut body);
    read.map_err(|error| Failure::refused(format!("standard input cannot be read: {error}")))?;
    if body.len() > MAX_BODY_BYTES {
        return Err(Failure::usage(format!("standard input is larger than {MAX_BODY_BYTES} bytes"))
            .hint("hosts and agents take no larger body"));
    }
    Ok(body)
}

/// A latch that SIGINT and SIGTERM stop, from now on. The second signal ends the process as it is: what was promised is on the
/// disk.
fn stop_on_signal(seams: &Seams) -> Result<Stop, Failure> {
    let mut signals = Signals::listen()?;
    let stop = Stop::new();
    let latch = stop.clone();
    seams.spawn.spawn(Box::pin(async move {
        signals.next().await;
        output::note("stopping; once more to stop at once");
        latch.stop();
        signals.next().await;
        std::process::exit(Exit::Refused as i32);
    }));
    Ok(stop)
}

/// SIGINT and SIGTERM, caught from the moment of [`Signals::listen`]: who is told to end right after saying that it runs, ends
/// well.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let caught =
            |kind| signal(kind).map_err(|error| Failure::refused(format!("signals cannot be caught: {error}")));
        Ok(Self { interrupt: caught(SignalKind::interrupt())?, terminate: caught(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) {
        mewe_agent::interrupted().await;
    }
}
