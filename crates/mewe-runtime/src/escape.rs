//! Text from the wire, made safe for a terminal or a log.
//!
//! A name may hold an escape sequence that repaints the screen, a carriage return that overwrites a line, or a control
//! that turns the reading direction. Each such character is shown as `\u{…}` instead of being obeyed.

use std::fmt::Write;

/// `text` on one line: every control character is made visible, line breaks and tabs too.
pub fn line(text: &str) -> String {
    escape(text, |_| false)
}

/// `text` over several lines: as [`line()`], but `\n` stays a line break.
pub fn text(text: &str) -> String {
    escape(text, |c| c == '\n')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) || !is_control(c) {
            out.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    out
}

/// C0, DEL and C1 controls, line and paragraph separators, and the controls of bidirectional text.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(super::line("a\u{1b}[2Jb\r\nc\u{9b}d\u{202e}e"), r"a\u{1b}[2Jb\u{d}\u{a}c\u{9b}d\u{202e}e");
        assert_eq!(super::text("a\nb\tc"), "a\nb\\u{9}c");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert_eq!(super::line("Pétur 👩‍👩‍👧‍👦 שלום"), "Pétur 👩‍👩‍👧‍👦 שלום");
    }
}
