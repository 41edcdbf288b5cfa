//! Printing what we send: compact already, so that the readings `compact` and `raw` of a signature are one.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::Compact;

/// `value` as compact JSON: keys in the order of the type, non-ASCII characters raw, control characters (U+0000–U+001F and
/// U+007F–U+009F) as `\b \f \n \r \t` or `\u00xx` in lower case, `/` not escaped.
///
/// # Panics
/// Never for the types of this crate. A `Serialize` that fails, or a map whose keys cannot be strings, is a mistake in the
/// type, whatever its value: its first test finds it here.
pub fn print<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    let result = value.serialize(&mut Serializer::with_formatter(&mut out, Wire));
    // Writing to memory cannot fail; what is left is a mistake in the type.
    result.expect("a type whose values are JSON");
    out
}

struct Wire;

impl Formatter for Wire {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // serde_json escapes below U+0020; DEL and the C1 controls are left to us.
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| matches!(c, '\u{7f}'..='\u{9f}')) {
            writer.write_all(&rest.as_bytes()[..at])?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    /// What was kept as it came may hold white space.
    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        Compact::new(fragment.as_bytes()).try_for_each(|piece| writer.write_all(piece))
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let short: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
        };
        writer.write_all(short)
    }
}
