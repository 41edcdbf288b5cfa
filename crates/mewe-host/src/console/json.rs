//! JSON for people: indented, the keys quieter than the values. What is no JSON is shown as it is.

use maud::{Markup, html};

/// A piece of JSON text.
enum Piece {
    Key(String),
    Other(String),
}

/// `text` on many lines.
pub(super) fn pretty(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece { Piece::Key(key) => span.k { (key) }, Piece::Other(other) => (other), }
        }
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    if mewe_protocol::json::read::<serde::de::IgnoredAny>(text.as_bytes()).is_err() {
        return vec![Piece::Other(text.to_owned())];
    }
    let (mut out, mut other, mut depth) = (Vec::new(), String::new(), 0_usize);
    let mut rest = text.trim();
    let break_line = |other: &mut String, depth: usize| {
        other.push('\n');
        other.extend(std::iter::repeat_n("  ", depth.min(32)));
    };
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match c {
            '{' | '[' => {
                other.push(c);
                let inner = rest[1..].trim_start();
                if inner.starts_with(['}', ']']) {
                    other.push(if c == '{' { '}' } else { ']' });
                    length = rest.len() - inner.len() + 1;
                } else {
                    depth += 1;
                    break_line(&mut other, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut other, depth);
                other.push(c);
            }
            ',' => {
                other.push(c);
                break_line(&mut other, depth);
            }
            '"' => {
                length = string(rest);
                let (string, after) = (&rest[..length], rest[length..].trim_start());
                if after.starts_with(':') {
                    out.push(Piece::Other(std::mem::take(&mut other)));
                    out.push(Piece::Key(format!("{string}:")));
                    other.push(' ');
                    length = rest.len() - after.len() + 1;
                } else {
                    other.push_str(string);
                }
            }
            c if c.is_whitespace() => {}
            c => other.push(c),
        }
        rest = &rest[length..];
    }
    out.push(Piece::Other(other));
    out
}

/// The bytes of the string at the beginning of `text`, quotes included.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Key(text) | Piece::Other(text) => text,
            })
            .collect()
    }

    #[test]
    fn json_gets_lines_and_keeps_its_strings() {
        let text = r#"{"a":"x, {y}: \"z\\","b":[1,{}],"c":[]}"#;
        assert_eq!(plain(text), "{\n  \"a\": \"x, {y}: \\\"z\\\\\",\n  \"b\": [\n    1,\n    {}\n  ],\n  \"c\": []\n}");
        assert_eq!(plain(" { } "), "{}");
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        for text in ["<html>", "", "{\"a\":", "nope, nope"] {
            assert_eq!(plain(text), text);
        }
    }
}
