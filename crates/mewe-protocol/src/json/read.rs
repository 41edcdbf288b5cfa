//! Reading strictly: what two readers could understand differently is refused.
//!
//! A duplicate key is one value for one reader and another for the next; a lone surrogate is no character; nesting without
//! end is an attack. They are JSON, but malformed for us ([`ReadError::Malformed`]), which is another thing than bytes
//! that are no JSON at all ([`ReadError::NotJson`]). One pass, no recursion, memory for the keys of the open objects only.

use std::{borrow::Cow, collections::HashSet};

use serde::de::DeserializeOwned;

use crate::decided::MAX_JSON_DEPTH;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not UTF-8, or not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but with a duplicate key, a lone surrogate, nested deeper than 64, or not of the fields it should have.
    #[error("malformed: {0}")]
    Malformed(String),
}

/// Reads `bytes` as a `T`, strictly. Unknown fields are ignored.
///
/// # Errors
/// [`ReadError`], whose words name the field where that is possible.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    check(bytes)?;
    #[expect(clippy::disallowed_methods, reason = "the home of this call: after the strict check")]
    serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        // The position helps nobody, and the text before it names the field.
        let words = words.split(" at line ").next().unwrap_or(&words);
        ReadError::Malformed(words.to_owned())
    })
}

/// Checks that `bytes` are JSON that can be understood in one way only.
///
/// # Errors
/// [`ReadError`].
pub fn check(bytes: &[u8]) -> Result<(), ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ReadError::NotJson(format!("not UTF-8: {error}")))?;
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), malformed: None };
    scanner.document()?;
    scanner.malformed.map_or(Ok(()), |why| Err(ReadError::Malformed(why)))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open<'a>>,
    /// The first thing that is JSON but not acceptable. The scan goes on, since what follows may be no JSON.
    malformed: Option<String>,
}

enum Open<'a> {
    Array,
    /// With the keys seen so far, unescaped.
    Object(HashSet<Cow<'a, str>>),
}

impl<'a> Scanner<'a> {
    fn document(&mut self) -> Result<(), ReadError> {
        loop {
            // A value is expected here; containers that were opened and hold something come back here.
            let closed = self.value()?;
            if !closed {
                continue;
            }
            // A value has ended: close what it ends, or go on within what is open.
            loop {
                self.space();
                let Some(open) = self.open.last() else {
                    return if self.at == self.text.len() {
                        Ok(())
                    } else {
                        Err(self.not_json("something follows the value"))
                    };
                };
                let is_object = matches!(open, Open::Object(_));
                match self.take() {
                    Some(b',') => {
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b']') if !is_object => drop(self.open.pop()),
                    Some(b'}') if is_object => drop(self.open.pop()),
                    _ => return Err(self.not_json("a comma or an end is missing")),
                }
            }
        }
    }

    /// Reads a value, or the beginning of one. `true` when it has ended; `false` when its first element comes next.
    fn value(&mut self) -> Result<bool, ReadError> {
        self.space();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.space();
                self.enter(Open::Object(HashSet::new()));
                if self.peek() == Some(b'}') {
                    return Ok(self.leave());
                }
                self.key()?;
                Ok(false)
            }
            Some(b'[') => {
                self.at += 1;
                self.space();
                self.enter(Open::Array);
                if self.peek() == Some(b']') {
                    return Ok(self.leave());
                }
                Ok(false)
            }
            Some(b'"') => self.string(false).map(|_| true),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| true),
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| true),
            Some(b'n') => self.word("null").map(|()| true),
            _ => Err(self.not_json("a value is missing")),
        }
    }

    fn enter(&mut self, open: Open<'a>) {
        self.open.push(open);
        if self.open.len() > MAX_JSON_DEPTH {
            self.malformed.get_or_insert_with(|| format!("nested deeper than {MAX_JSON_DEPTH}"));
        }
    }

    /// Leaves a container that holds nothing.
    fn leave(&mut self) -> bool {
        self.at += 1;
        self.open.pop();
        true
    }

    /// A key, its colon, and up to its value.
    fn key(&mut self) -> Result<(), ReadError> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.not_json("a key is missing"));
        }
        let key = self.string(true)?;
        self.space();
        if self.take() != Some(b':') {
            return Err(self.not_json("a colon is missing"));
        }
        if let Some(Open::Object(keys)) = self.open.last_mut()
            && let Some(key) = keys.replace(key)
        {
            let shown: String = key.chars().take(40).collect();
            self.malformed.get_or_insert_with(|| format!("duplicate key `{shown}`"));
        }
        Ok(())
    }

    /// A string; its unescaped text if it is wanted.
    fn string(&mut self, wanted: bool) -> Result<Cow<'a, str>, ReadError> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        let mut copied = start;
        loop {
            match self.peek() {
                None => return Err(self.not_json("a string does not end")),
                Some(b'"') => break,
                Some(b'\\') => {
                    let so_far = &self.text[copied..self.at];
                    let c = self.escape()?;
                    if wanted {
                        let unescaped = unescaped.get_or_insert_default();
                        unescaped.push_str(so_far);
                        unescaped.push(c);
                    }
                    copied = self.at;
                }
                Some(byte) if byte < 0x20 => {
                    return Err(self.not_json("a control character in a string"));
                }
                Some(_) => self.at += 1,
            }
        }
        let tail = &self.text[copied..self.at];
        self.at += 1;
        Ok(match unescaped {
            None => Cow::Borrowed(tail),
            Some(mut text) => {
                text.push_str(tail);
                Cow::Owned(text)
            }
        })
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        self.at += 1;
        Ok(match self.take() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex4()?;
                match unit {
                    0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                        let back = self.at;
                        self.at += 2;
                        let low = self.hex4()?;
                        if (0xdc00..=0xdfff).contains(&low) {
                            let point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                            char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
                        } else {
                            self.at = back;
                            self.lone_surrogate()
                        }
                    }
                    0xd800..=0xdfff => self.lone_surrogate(),
                    unit => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(self.not_json("an unknown escape")),
        })
    }

    fn lone_surrogate(&mut self) -> char {
        self.malformed.get_or_insert_with(|| "a lone surrogate".to_owned());
        char::REPLACEMENT_CHARACTER
    }

    fn hex4(&mut self) -> Result<u32, ReadError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let unit = digits.filter(|d| d.iter().all(u8::is_ascii_hexdigit)).and_then(|d| {
            let text = std::str::from_utf8(d).ok()?;
            u32::from_str_radix(text, 16).ok()
        });
        self.at += 4;
        unit.ok_or_else(|| ReadError::NotJson("an escape is not four hex digits".to_owned()))
    }

    fn number(&mut self) -> Result<(), ReadError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.take() {
            Some(b'0') => {}
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.not_json("a digit is missing")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), ReadError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.not_json("a digit is missing"));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Result<(), ReadError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.not_json("an unknown word"));
        }
        self.at += word.len();
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn not_json(&self, why: &str) -> ReadError {
        ReadError::NotJson(format!("{why} at byte {}", self.at.min(self.text.len())))
    }
}
