//! Taking the white space out, byte by byte.

use std::borrow::Cow;

/// The pieces of `bytes` without insignificant white space (space, tab, CR, LF outside strings), in order; every other byte
/// stays as sent. Total: bytes that are no JSON have pieces too, and a string that does not end goes to the end.
///
/// ```
/// use mewe_protocol::json::Compact;
///
/// let pieces: Vec<&[u8]> = Compact::new(br#"{ "text" : "a b" }"#).collect();
/// assert_eq!(pieces.concat(), br#"{"text":"a b"}"#);
/// ```
#[derive(Debug, Clone)]
pub struct Compact<'a> {
    rest: &'a [u8],
    in_string: bool,
}

impl<'a> Compact<'a> {
    /// The pieces of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, in_string: false }
    }
}

impl std::iter::FusedIterator for Compact<'_> {}

impl<'a> Iterator for Compact<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if !self.in_string {
            let start = self.rest.iter().position(|b| !is_space(*b))?;
            self.rest = &self.rest[start..];
        }
        let mut end = 0;
        while let Some(&byte) = self.rest.get(end) {
            match byte {
                b'\\' if self.in_string => end += 1,
                b'"' => self.in_string = !self.in_string,
                _ if !self.in_string && is_space(byte) => break,
                _ => {}
            }
            end += 1;
        }
        let (piece, rest) = self.rest.split_at(end.min(self.rest.len()));
        self.rest = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

/// `bytes` without insignificant white space; borrowed when there is none.
pub fn compact(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut pieces = Compact::new(bytes);
    match pieces.next() {
        None => Cow::Borrowed(&[]),
        Some(first) if first.len() == bytes.len() => Cow::Borrowed(bytes),
        Some(first) => {
            let mut out = Vec::with_capacity(bytes.len());
            out.extend_from_slice(first);
            pieces.for_each(|piece| out.extend_from_slice(piece));
            Cow::Owned(out)
        }
    }
}

/// `bytes` without any white-space byte, in strings too: one of the readings that a service may mean.
pub fn stripped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.iter().any(|byte| is_white(*byte)) {
        Cow::Owned(bytes.iter().copied().filter(|byte| !is_white(*byte)).collect())
    } else {
        Cow::Borrowed(bytes)
    }
}

/// The white space of JSON.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The white space of a regular expression's `\s`, by which a service would strip.
pub(crate) fn is_white(byte: u8) -> bool {
    is_space(byte) || matches!(byte, 0x0b | 0x0c)
}
