//! What a browser gets: HTML, or where to go on.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use maud::Markup;

use super::{guard::Form, session};
use crate::error::ApiError;

/// What a page comes to: itself, or words about why not.
pub(super) type Shown = Result<Response, ApiError>;

/// What a browser gets. It would leave out a NUL, as if somebody had not written it: so there stands what stands for it.
pub(super) fn written(markup: Markup) -> String {
    let text = markup.into_string();
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

/// A whole page or a part of one.
pub(super) fn html_response(markup: Markup) -> Response {
    let mut response = Response::new(Body::from(written(markup)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Where a form leads back to: a path of this host, or home.
pub(super) fn back(form: &Form) -> Response {
    to(form.get("back").unwrap_or("/"))
}

/// Leads on to a path of this host.
pub(super) fn to(path: &str) -> Response {
    session::see_other(session::address(session::own_address(Some(path))))
}
