//! Reading strictly: what two readers could understand differently is refused.
//!
//! A duplicate key is one value for one reader and another for the next; a lone surrogate is no character; nesting without
//! end is an attack. They are JSON, but malformed for us ([`ReadError::Malformed`]), which is another thing than bytes
//! that are no JSON at all ([`ReadError::NotJson`]). One pass, no recursion; memory for the keys of the open objects, and a
//! byte for each bracket that is open.

use std::{borrow::Cow, collections::HashSet};

use serde::de::DeserializeOwned;

use crate::decided::MAX_JSON_DEPTH;

/// The most characters of an error's words: they quote what came.
const MAX_WORDS: usize = 200;

/// Why a body cannot be read. Its words quote from the body: they are data, to be escaped where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not UTF-8, or not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but with a duplicate key, a lone surrogate, nested deeper than 64, or not of the fields it should have; the
    /// words name the field.
    #[error("malformed: {0}")]
    Malformed(String),
}

/// Reads `bytes` as a `T`, strictly. Whether unknown fields are ignored is the type's choice; ours ignore them.
///
/// # Errors
/// [`ReadError`], whose words name the field.
///
/// ```
/// use mewe_protocol::{json, message::SendMessage};
///
/// let error = json::read::<SendMessage>(br#"{ "text": 7 }"#).unwrap_err();
/// assert_eq!(error.to_string(), "malformed: text: invalid type: integer `7`, expected a string");
/// ```
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    check(bytes)?;
    #[expect(clippy::disallowed_methods, reason = "the home of this call: after the strict check")]
    serde_json::from_slice(bytes).map_err(|error| ReadError::Malformed(words::<T>(bytes, &error)))
}

/// What is wrong and where: `threadId: an id is 24 hex digits`.
fn words<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> String {
    let words = error.to_string();
    // The position in the text helps nobody; the way to the field does. Following it costs a second reading, of errors only.
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    let again = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(bytes));
    let path = again.err().map(|error| error.path().to_string()).filter(|path| path != ".");
    let whole = path.map_or_else(|| words.to_owned(), |path| format!("{path}: {words}"));
    shortened(&whole, MAX_WORDS)
}

fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A part of a body that was found to be JSON, if it is a `T`. For answers that are read generously.
pub(crate) fn loose<T: DeserializeOwned>(part: &str) -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "the home of this call: one odd field must not hide the others")]
    serde_json::from_str(part).ok()
}

/// Checks that `bytes` are JSON that can be understood in one way only.
///
/// # Errors
/// [`ReadError`].
pub fn check(bytes: &[u8]) -> Result<(), ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ReadError::NotJson(format!("not UTF-8: {error}")))?;
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), keys: Vec::new(), malformed: None };
    scanner.document()?;
    scanner.malformed.map_or(Ok(()), |why| Err(ReadError::Malformed(why)))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The brackets that are open, outermost first.
    open: Vec<Open>,
    /// The keys seen so far in each of the open objects, unescaped. Not kept below the greatest depth: what lies there makes
    /// the whole malformed, whatever its keys.
    keys: Vec<HashSet<Cow<'a, str>>>,
    /// The first thing that is JSON but not acceptable. The scan goes on, since what follows may be no JSON.
    malformed: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    Array,
    Object,
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
                let Some(&open) = self.open.last() else {
                    let all = self.at == self.text.len();
                    return if all { Ok(()) } else { Err(self.not_json("something follows the value")) };
                };
                match (open, self.peek()) {
                    (Open::Array, Some(b']')) | (Open::Object, Some(b'}')) => self.leave(),
                    (Open::Array, Some(b',')) => {
                        self.at += 1;
                        break;
                    }
                    (Open::Object, Some(b',')) => {
                        self.at += 1;
                        self.key()?;
                        break;
                    }
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
                self.enter(Open::Object);
                if self.peek() == Some(b'}') {
                    self.leave();
                    return Ok(true);
                }
                self.key()?;
                Ok(false)
            }
            Some(b'[') => {
                self.enter(Open::Array);
                if self.peek() == Some(b']') {
                    self.leave();
                    return Ok(true);
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

    /// Into a container, up to what it holds first.
    fn enter(&mut self, open: Open) {
        self.at += 1;
        self.open.push(open);
        if self.open.len() > MAX_JSON_DEPTH {
            self.malformed.get_or_insert_with(|| format!("nested deeper than {MAX_JSON_DEPTH}"));
        } else if open == Open::Object {
            self.keys.push(HashSet::new());
        }
        self.space();
    }

    /// Out of a container, over its bracket.
    fn leave(&mut self) {
        self.at += 1;
        if self.open.pop() == Some(Open::Object) {
            self.keys.pop();
        }
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
        if let Some(keys) = self.keys.last_mut()
            && let Some(key) = keys.replace(key)
        {
            self.malformed.get_or_insert_with(|| format!("duplicate key `{}`", shortened(&key, 40)));
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
                let low = match unit {
                    0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                        self.at += 2;
                        Some(self.hex4()?)
                    }
                    _ => None,
                };
                let point = match low {
                    Some(low @ 0xdc00..=0xdfff) => Some(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)),
                    Some(_) => None,
                    None => Some(unit),
                };
                // A surrogate that is left is half of a character.
                point.and_then(char::from_u32).unwrap_or_else(|| {
                    self.malformed.get_or_insert_with(|| "a lone surrogate".to_owned());
                    char::REPLACEMENT_CHARACTER
                })
            }
            _ => return Err(self.not_json("an unknown escape")),
        })
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
