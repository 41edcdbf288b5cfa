//! What the program says: data on standard output, everything else on standard error.
//!
//! So a pipe gets what it asked for and nothing else. Whatever came over the wire passes the escaper on its way to either: a
//! name must not repaint the terminal, nor a text pretend to be a line of ours.

use std::io::{self, ErrorKind, Write};

use jiff::{Timestamp, tz::TimeZone};
use mewe_protocol::{
    json,
    mention::{self, Segment},
};
use mewe_runtime::escape;
use serde::Serialize;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::exit::{Exit, Failure};

/// Prints a line of data.
///
/// # Errors
/// When nobody reads it any more, or it cannot be written.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints a value as one line of compact JSON.
///
/// # Errors
/// As [`line`].
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut printed = json::print(value);
    printed.push(b'\n');
    bytes(&printed)
}

/// Writes data as it is.
///
/// # Errors
/// As [`line`].
pub(crate) fn bytes(data: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    // Flushed each time: what comes in is to be seen when it comes, through a pipe too.
    out.write_all(data).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderLeft,
        _ => Failure::refused(format!("standard output cannot be written: {error}")),
    })
}

/// Says, as data, where something is to be found now: for a person, and for a script that started us. A server goes on even if
/// nobody reads that.
pub(crate) fn announce(text: &str) {
    let _ = line(&escape::text(text));
}

/// Says something to a person, beside the data.
pub(crate) fn note(text: &str) {
    // If nobody listens on standard error, there is nobody left to complain to.
    let _ = writeln!(io::stderr(), "{}", escape::text(text));
}

/// Tells why the program ends, and with which code it does.
pub(crate) fn tell(failure: Failure) -> Exit {
    match failure {
        Failure::Told { exit, message, hint } => {
            note(&format!("error: {}", escape::line(&message)));
            if let Some(hint) = hint {
                note(&format!("hint: {}", escape::line(&hint)));
            }
            exit
        }
        Failure::ReaderLeft => Exit::Done,
    }
}

/// The hook for panics: a line, and no backtrace. A panic in a handler is that handler's failure; the process goes on.
pub(crate) fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let words = panic.payload_as_str().unwrap_or("without words");
    let place = panic.location().map(|at| format!(" ({at})")).unwrap_or_default();
    note(&format!("error: a mistake in this program: {}{place}", escape::line(words)));
}

/// How a time is shown; always that of this machine's time zone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown {
    /// Day and time.
    Day,
    /// Only the time, where days do not matter.
    Time,
}

/// A message as a person reads it. Its later lines are indented, so that none of them can pass for a message of its own.
pub(crate) fn said(at: Option<Timestamp>, shown: Shown, author: &str, text: &str) -> String {
    let format = match shown {
        Shown::Day => "%Y-%m-%d %H:%M",
        Shown::Time => "%H:%M",
    };
    let at = at.map_or_else(
        || "(no time)".to_owned(),
        |at| at.to_zoned_datetime(TimeZone::system()).strftime(format).to_string(),
    );
    let text = escape::text(&words(text)).replace('\n', "\n    ");
    format!("{at} {}: {text}", escape::line(author))
}

/// `text` with each mention as `@Name`.
fn words(text: &str) -> String {
    mention::segments(text)
        .map(|segment| match segment {
            Segment::Text(text) => text.to_owned(),
            Segment::Mention { name, .. } => format!("@{}", name.trim_start_matches('@')),
        })
        .collect()
}

/// Tells on standard error what the parts of the system have to say. `MEWE_LOG` chooses (as in `MEWE_LOG=mewe_host=debug`);
/// without it, warnings and worse.
pub(crate) fn log() {
    let chosen = EnvFilter::builder().with_env_var("MEWE_LOG").try_from_env();
    tracing_subscriber::fmt()
        .with_env_filter(chosen.unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_ansi(false)
        .with_target(false)
        .with_writer(Escaped)
        .init();
}

/// Standard error behind the escaper. The subscriber hands over one whole event at a time.
struct Escaped;

impl MakeWriter<'_> for Escaped {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Escaped {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        writeln!(io::stderr(), "{}", escape::line(text.trim_end_matches('\n')))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_pass_for_a_message_of_somebody_else() {
        let shown = said(None, Shown::Time, "Sigrún\n18:00 Pétur", "hi\n18:00 Pétur Jureksson: I agree\u{1b}[A");
        assert_eq!(shown, "(no time) Sigrún\\u{a}18:00 Pétur: hi\n    18:00 Pétur Jureksson: I agree\\u{1b}[A");
    }

    #[test]
    fn a_mention_reads_as_a_name() {
        assert_eq!(words("Hey {{u_625568bf663e8f63481b04ab}MuadDib}!"), "Hey @MuadDib!");
    }
}
