//! Trouble on purpose, where it meets the wire: signatures with a wrong bit, answers in place of others, and none at all.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures_util::stream;
use mewe_protocol::{error::ErrorCode, signature::X_SIGNATURE};

use crate::{
    Shared,
    domain::trouble::{Kind, Marks},
    error::ApiError,
};

/// How long ago an attempt with a stale time-stamp says it was signed: twice what receivers tolerate.
pub(crate) const STALE_SECONDS: u64 = 600;
/// After how many seconds whoever was answered 420 may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl Shared {
    /// Whether something can be made to go wrong on this host at all.
    pub(crate) fn may_make_trouble(&self) -> Result<(), ApiError> {
        if self.config.public {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                "trouble: there is none on purpose on a host that is public",
            ));
        }
        Ok(())
    }
}

/// What is answered to a call in place of looking at it.
pub(crate) fn refusal(kind: Kind) -> ApiError {
    match kind {
        Kind::Answer420 => ApiError::new(ErrorCode::RateLimited, "trouble on purpose: slow down"),
        _ => ApiError::new(ErrorCode::Internal, "trouble on purpose: nothing was stored"),
    }
}

/// An answer as it leaves: with what belongs to it, or not at all.
pub(crate) fn leaving(mut answer: Response, marks: Marks) -> Response {
    if marks.holds(Kind::LoseAnswer) {
        return no_answer();
    }
    if marks.holds(Kind::Answer420) {
        answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    answer
}

/// The connection ends, without a byte of an answer: the first that is asked of the body fails, and what was not sent until then
/// never is.
fn no_answer() -> Response {
    let lost = std::io::Error::other("trouble on purpose: the answer is lost");
    Response::new(Body::from_stream(stream::iter([Err::<bytes::Bytes, _>(lost)])))
}

/// Makes one bit of the signature another.
pub(crate) fn flip(headers: &mut HeaderMap, bit: u8) {
    let Some(signature) = headers.get_mut(X_SIGNATURE) else { return };
    let mut hex = signature.as_bytes().to_vec();
    let Some(digit) = hex.get_mut(usize::from(bit / 4)) else { return };
    let value = char::from(*digit).to_digit(16).unwrap_or_default() ^ 1 << (bit % 4);
    *digit = b"0123456789abcdef"[value as usize];
    if let Ok(mut flipped) = HeaderValue::from_bytes(&hex) {
        flipped.set_sensitive(true);
        *signature = flipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_of_a_signature_can_be_another() {
        let right = "0123456789abcdef".repeat(4);
        let bytes = base16ct::lower::decode_vec(&right).unwrap();
        for bit in 0..=u8::MAX {
            let mut headers = HeaderMap::from_iter([(X_SIGNATURE, HeaderValue::from_str(&right).unwrap())]);
            flip(&mut headers, bit);
            let flipped = base16ct::lower::decode_vec(headers[X_SIGNATURE].as_bytes()).unwrap();
            let differing: Vec<u32> = bytes.iter().zip(&flipped).map(|(a, b)| (a ^ b).count_ones()).collect();
            assert_eq!(differing.iter().sum::<u32>(), 1, "{bit}");
            assert_eq!(differing[usize::from(bit / 8)], 1, "{bit}");
            assert!(headers[X_SIGNATURE].is_sensitive());
        }
    }
}
