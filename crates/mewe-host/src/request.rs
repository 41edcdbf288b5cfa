//! What handlers take out of a request: ids from the path, values from the query, a body as a type. Each refusal names the
//! field.

use axum::{
    body::Body,
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use mewe_protocol::{Id, decided, error::ErrorCode, json};
use mewe_runtime::serve::read_body;
use serde::de::DeserializeOwned;

use crate::{Shared, error::ApiError};

/// The parameters of path and query.
pub(crate) struct Params {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(ErrorCode::Invalid, "the path is not UTF-8"))?;
        let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = parts.uri.query().unwrap_or("");
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { path, query })
    }
}

impl Params {
    /// An id in the path.
    pub(crate) fn id<K>(&self, name: &str) -> Result<Id<K>, ApiError> {
        parse(name, find(&self.path, name).unwrap_or_default())
    }

    /// A text in the path.
    pub(crate) fn text(&self, name: &str) -> &str {
        find(&self.path, name).unwrap_or_default()
    }

    /// The number of a row in the path.
    pub(crate) fn number(&self, name: &str) -> Result<i64, ApiError> {
        let text = find(&self.path, name).unwrap_or_default();
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        number.ok_or_else(|| ApiError::invalid(name, "must be a number"))
    }

    /// An id in the query, if it is there.
    pub(crate) fn query_id<K>(&self, name: &str) -> Result<Option<Id<K>>, ApiError> {
        find(&self.query, name).map(|text| parse(name, text)).transpose()
    }

    /// A value in the query, if it is there.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// `limit`: 1 to 100, 50 if it is not given.
    pub(crate) fn limit(&self) -> Result<u32, ApiError> {
        let Some(text) = find(&self.query, "limit") else { return Ok(decided::PAGE_LIMIT_DEFAULT) };
        text.parse()
            .ok()
            .filter(|n| (1..=decided::PAGE_LIMIT_MAX).contains(n))
            .ok_or_else(|| ApiError::invalid("limit", format!("a number from 1 to {}", decided::PAGE_LIMIT_MAX)))
    }
}

fn find<'a>(list: &'a [(String, String)], name: &str) -> Option<&'a str> {
    list.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn parse<K>(name: &str, text: &str) -> Result<Id<K>, ApiError> {
    text.parse().map_err(|error| ApiError::invalid(name, error))
}

impl Shared {
    /// A whole body, within the limits of the door.
    pub(crate) async fn body(&self, body: Body) -> Result<bytes::Bytes, ApiError> {
        Ok(read_body(&*self.seams.clock, body, decided::MAX_BODY_BYTES, &self.budget).await?)
    }

    /// A body as a type, read strictly.
    pub(crate) async fn json<T: DeserializeOwned>(&self, body: Body) -> Result<T, ApiError> {
        Ok(json::read(&self.body(body).await?)?)
    }
}
