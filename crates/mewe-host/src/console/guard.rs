//! Who may see the console, and from where.
//!
//! [`door`] stands around all of it: it looks at name and origin, and gives every answer the headers that keep other pages out.
//! [`guard`] stands before the pages: it knows who looks, and takes a form only with the token that its page was given.
//!
//! Where only this machine's user can come there is no login, and no token of forms either: a page of another origin is
//! recognised by what its browser says of it, and cannot make it say anything else.

use std::{fmt, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts, uri::PathAndQuery},
    middleware::Next,
    response::Response,
};
use mewe_protocol::{Id, error::ErrorCode};
use url::{Position, Url, form_urlencoded};

use super::session::{self, Session};
use crate::{
    HostConfig, Shared,
    error::ApiError,
    guard::{changes, foreign_origin, from_own_page, own_name, same},
};

/// What every form brings back, as a field or as the header below.
const FORM_TOKEN: &str = "form-token";
const X_FORM_TOKEN: &str = "x-form-token";
/// With which htmx says on which page something was done.
const HX_CURRENT_URL: &str = "hx-current-url";
/// The most fields of a form.
const FIELDS: usize = 200;

/// What every answer carries: nothing is loaded from elsewhere, and nobody else puts a page of ours into one of theirs.
const CARRIED: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not no-referrer: under that, browsers send our own forms with `Origin: null`.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What a proxy adds when it lets others in.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

/// Who looks at a page.
#[derive(Clone, Default)]
pub(crate) struct Visitor {
    /// What every form must bring back; none where there is no login.
    pub(crate) form_token: Option<String>,
    session: Option<Arc<Session>>,
}

impl Visitor {
    /// Completes when this visitor may see nothing more: logged out, idle for too long, logged in for too long. Never where
    /// there is no login.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let session = self.session.clone();
        async move {
            match session {
                Some(session) => session.ended().await,
                None => std::future::pending().await,
            }
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("logged_in", &self.session.is_some()).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unguarded)
    }
}

/// What a form was filled in with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    /// The first value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a field.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a field, which is not in the form any more then.
    fn take(&mut self, name: &str) -> Option<String> {
        let value = self.get(name).map(str::to_owned);
        self.0.retain(|(field, _)| field != name);
        value
    }

    /// The id in a field.
    pub(crate) fn id<K>(&self, name: &str) -> Result<Id<K>, ApiError> {
        self.get(name).unwrap_or_default().parse().map_err(|error| ApiError::invalid(name, error))
    }

    pub(super) async fn read(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Self, ApiError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(ApiError::invalid("Content-Type", "a form is application/x-www-form-urlencoded"));
        }
        let body = shared.body(body).await?;
        let fields: Vec<_> = form_urlencoded::parse(&body).into_owned().take(FIELDS + 1).collect();
        if fields.len() > FIELDS {
            return Err(ApiError::new(ErrorCode::Invalid, format!("a form has at most {FIELDS} fields")));
        }
        Ok(Self(fields))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.remove::<Self>().ok_or_else(unguarded)
    }
}

/// A route asked for what the guard gives, and does not stand behind it.
fn unguarded() -> ApiError {
    tracing::error!("a route of the console is not guarded");
    ApiError::new(ErrorCode::Internal, "the host failed; nothing was stored")
}

/// Whether whoever comes has to log in.
pub(super) fn asks_who(config: &HostConfig) -> bool {
    config.public || !config.names.is_empty()
}

/// Around everything of the console.
pub(crate) async fn door(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match check(&shared.config, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => session::refusal(request.headers(), refused),
    };
    let headers = response.headers_mut();
    for (name, value) in CARRIED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(config: &HostConfig, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = own_name(config, uri, headers)?;
    // A tunnel that calls itself localhost would show the console to the world.
    if !asks_who(config) && FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        let words = "this came through a proxy, and here nobody is asked who they are; start the host with --public";
        return Err(ApiError::new(ErrorCode::WrongHost, words));
    }
    let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let site = says("sec-fetch-site");
    let from_here = match from_own_page(headers, host) {
        Some(own) => own,
        // A browser names the origin of whatever may change something.
        None if changes(method) => site == Some(b"same-origin"),
        // Another port of this machine is the same site, and as foreign. A link from elsewhere may lead here; a frame, a
        // script, a picture or a stream of ours has no place there.
        None => match site {
            None | Some(b"same-origin" | b"none") => true,
            Some(_) => says("sec-fetch-dest") == Some(b"document"),
        },
    };
    if from_here { Ok(()) } else { Err(foreign_origin()) }
}

/// Before every page.
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut visitor = Visitor::default();
    if asks_who(&shared.config) {
        let headers = request.headers();
        let session = shared.sessions.of(headers, shared.seams.clock.now(), is_somebody_there(headers));
        let Some(session) = session else { return to_login(&request) };
        visitor = Visitor { form_token: Some(session.form_token().to_owned()), session: Some(session) };
    }
    let (mut parts, mut body) = request.into_parts();
    if changes(&parts.method) {
        match filled_in(&shared, &visitor, &parts.headers, std::mem::take(&mut body)).await {
            Ok(form) => _ = parts.extensions.insert(form),
            Err(refused) => return session::refusal(&parts.headers, refused),
        }
    }
    parts.extensions.insert(visitor);
    next.run(Request::from_parts(parts, body)).await
}

/// A form that comes from a page which this visitor was given, without the token that says so.
async fn filled_in(shared: &Shared, visitor: &Visitor, headers: &HeaderMap, body: Body) -> Result<Form, ApiError> {
    let mut form = Form::read(shared, headers, body).await?;
    let in_form = form.take(FORM_TOKEN);
    if let Some(expected) = &visitor.form_token {
        let given = headers.get(X_FORM_TOKEN).map(HeaderValue::as_bytes);
        let given = given.or(in_form.as_deref().map(str::as_bytes)).unwrap_or_default();
        if !same(given, expected.as_bytes()) {
            let words = "this page is of an earlier login; load it again, then repeat what you did";
            return Err(ApiError::new(ErrorCode::ForeignOrigin, words));
        }
    }
    Ok(form)
}

/// Whether this was asked for by a person, who opened a page or did something on it. What a page's script asks for by itself
/// is no sign of that: a stream comes back as often as the line is cut.
fn is_somebody_there(headers: &HeaderMap) -> bool {
    accepts(headers, "text/html") || headers.contains_key(HX_CURRENT_URL)
}

pub(super) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(kind)))
}

pub(super) fn by_htmx(headers: &HeaderMap) -> bool {
    headers.get("hx-request").is_some_and(|value| value == "true")
}

/// Nobody is logged in: where to do that, told so that whoever asked understands it.
fn to_login(request: &Request) -> Response {
    let headers = request.headers();
    let not_logged_in = || ApiError::new(ErrorCode::Unauthorized, "nobody is logged in here, or not any more");
    if by_htmx(headers) {
        let mut response = session::refusal(headers, not_logged_in());
        response.headers_mut().insert("hx-redirect", session::login_address(page_of(headers).as_deref()));
        return response;
    }
    if accepts(headers, "text/event-stream") || headers.contains_key(X_FORM_TOKEN) {
        return session::refusal(headers, not_logged_in());
    }
    if changes(request.method()) {
        return session::see_other(session::login_address(page_of(headers).as_deref()));
    }
    session::see_other(session::login_address(request.uri().path_and_query().map(PathAndQuery::as_str)))
}

/// The page on which something was done, without its host: by what is shown again after a login.
fn page_of(headers: &HeaderMap) -> Option<String> {
    let page = headers.get(HX_CURRENT_URL).or_else(|| headers.get(header::REFERER))?;
    let page = Url::parse(page.to_str().ok()?).ok()?;
    Some(page[Position::BeforePath..Position::AfterQuery].to_owned())
}

#[cfg(test)]
mod tests {
    use mewe_protocol::UserId;

    use super::*;

    #[test]
    fn what_a_form_was_filled_in_with_is_found_by_its_field() {
        let fields =
            [("as", "607595295635495b3c80f6cd"), ("form-token", "x"), ("who", "a"), ("who", "b"), ("form-token", "y")];
        let mut form = Form(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        assert_eq!(form.take("form-token").as_deref(), Some("x"));
        assert_eq!(form.0.len(), 3);
        assert_eq!((form.take("form-token"), form.get("form-token")), (None, None));
        assert_eq!((form.get("who"), form.all("who").collect::<Vec<_>>()), (Some("a"), vec!["a", "b"]));
        let user: UserId = form.id("as").unwrap();
        assert_eq!(user.to_string(), "607595295635495b3c80f6cd");
        for wrong in ["who", "absent"] {
            let refused = Result::<UserId, _>::unwrap_err(form.id(wrong));
            assert!(refused.words().starts_with(&format!("{wrong}: ")), "{refused}");
        }
    }
}
