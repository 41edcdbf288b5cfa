//! Logging in with the operator token, and for how long that holds.
//!
//! The browser gets a random cookie; here is only its hash, in memory, so that a restart logs everybody out. Whoever does
//! nothing for half an hour, or came twelve hours ago, logs in again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use mewe_protocol::error::ErrorCode;
use mewe_runtime::{
    Seams,
    clock::{SharedClock, later, until},
    random::Random,
    stop::Stop,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::{
    ask::{self, Theme},
    assets,
    guard::{Form, Visitor, accepts, asks_who, by_htmx},
};
use crate::{Shared, error::ApiError, guard::is_operator, request::Params};

/// The cookie that a session is known by.
const COOKIE: &str = "mewe-console";
/// How many may be logged in at once; the one idle for longest makes room.
const MOST: usize = 64;
/// Without a request, a session ends after this.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Whatever is done, a session ends after this.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How many logins may fail within [`WINDOW`]; further ones are not looked at.
const FAILURES: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// The longest address that is shown again after a login.
const LONGEST_ADDRESS: usize = 2048;

/// Who is logged in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: Vec<Arc<Session>>,
    /// When logins failed, of late.
    failed: VecDeque<Timestamp>,
}

/// A login that holds.
pub(crate) struct Session {
    /// The hash of the cookie, which itself is known to the browser alone.
    cookie: [u8; 32],
    form_token: String,
    began: Timestamp,
    /// When it last asked for something.
    seen: Mutex<Timestamp>,
    over: Stop,
    clock: SharedClock,
}

impl Session {
    /// What its forms bring back.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Completes once it has ended, in whichever way.
    pub(super) async fn ended(&self) {
        // Not in one long sleep: a machine that was asleep meanwhile has slept less than its clock shows.
        const AT_MOST: Duration = Duration::from_secs(60);
        loop {
            let now = self.clock.now();
            if self.is_over(now) {
                return;
            }
            tokio::select! {
                () = self.over.stopped() => return,
                () = self.clock.sleep(until(now, self.ends()).min(AT_MOST)) => {}
            }
        }
    }

    fn seen(&self) -> Timestamp {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> Timestamp {
        later(self.seen(), IDLE).min(later(self.began, LONGEST))
    }

    /// Whether it has ended. Once it has, it stays so, though the clock steps back.
    fn is_over(&self, now: Timestamp) -> bool {
        if now >= self.ends() {
            self.over.stop();
        }
        self.over.is_stopped()
    }
}

/// Why a login was refused.
enum Refused {
    Wrong,
    /// For so many seconds.
    TooMany(u64),
}

impl Sessions {
    /// The session that a request belongs to. `there`: somebody is there who asks.
    pub(super) fn of(&self, headers: &HeaderMap, now: Timestamp, there: bool) -> Option<Arc<Session>> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut ours = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        });
        let inner = self.lock();
        let session = ours.find_map(|cookie| {
            let hash: [u8; 32] = Sha256::digest(cookie).into();
            inner.open.iter().find(|session| session.cookie.ct_eq(&hash).into() && !session.is_over(now))
        })?;
        if there {
            *session.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        Some(session.clone())
    }

    /// A new session, if the token was right; what its cookie holds.
    fn begin(&self, right: bool, seams: &Seams) -> Result<String, Refused> {
        let now = seams.clock.now();
        let mut inner = self.lock();
        // What failed later than now is of a clock that has stepped back since.
        inner.failed.retain(|at| *at <= now && now < later(*at, WINDOW));
        if inner.failed.len() >= FAILURES {
            // The right token neither: else this would tell the right one from the wrong ones, as fast as one can ask.
            let wait = inner.failed.front().map_or(WINDOW, |first| until(now, later(*first, WINDOW)));
            return Err(Refused::TooMany(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        if !right {
            inner.failed.push_back(now);
            return Err(Refused::Wrong);
        }
        inner.open.retain(|session| !session.is_over(now));
        let idle = (0..inner.open.len()).min_by_key(|at| inner.open[*at].seen());
        if let Some(idle) = idle.filter(|_| inner.open.len() >= MOST) {
            inner.open.swap_remove(idle).over.stop();
        }
        let cookie = random_hex(&*seams.random);
        inner.open.push(Arc::new(Session {
            cookie: Sha256::digest(&cookie).into(),
            form_token: random_hex(&*seams.random),
            began: now,
            seen: Mutex::new(now),
            over: Stop::new(),
            clock: seams.clock.clone(),
        }));
        Ok(cookie)
    }

    /// Whoever holds this session is logged out.
    fn end(&self, session: &Session) {
        session.over.stop();
        self.lock().open.retain(|open| !open.over.is_stopped());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_hex(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    base16ct::lower::encode_string(&bytes)
}

/// `GET /login?next=`
pub(super) async fn show_login(State(shared): State<Arc<Shared>>, params: Params, headers: HeaderMap) -> Response {
    let next = own_address(params.query("next"));
    let logged_in = || shared.sessions.of(&headers, shared.seams.clock.now(), true).is_some();
    if !asks_who(&shared.config) || logged_in() {
        return see_other(address(next));
    }
    login_page(&headers, next, None).into_response()
}

/// `POST /login?next=`
pub(super) async fn log_in(
    State(shared): State<Arc<Shared>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let next = own_address(params.query("next"));
    if !asks_who(&shared.config) {
        return see_other(address(next));
    }
    let form = match Form::read(&shared, &headers, body).await {
        Ok(form) => form,
        Err(refused) => return refusal(&headers, refused),
    };
    let token = form.get("token").unwrap_or_default().trim();
    let right = is_operator(&shared.config, token.as_bytes());
    let (code, words, wait) = match shared.sessions.begin(right, &shared.seams) {
        Ok(cookie) => {
            if let Some(earlier) = shared.sessions.of(&headers, shared.seams.clock.now(), false) {
                shared.sessions.end(&earlier);
            }
            let mut response = see_other(address(next));
            // What is spoken to over https, through a proxy, is to be so always.
            let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default();
            let secure = if origin.starts_with(b"https://") { "; Secure" } else { "" };
            set_cookie(&mut response, &format!("{cookie}{secure}"));
            return response;
        }
        Err(Refused::Wrong) => {
            tracing::warn!("a login to the console failed: the token was wrong");
            (ErrorCode::Unauthorized, "That is not the operator token.".to_owned(), None)
        }
        Err(Refused::TooMany(wait)) => {
            let words = format!("{FAILURES} logins failed within a minute. The next one can be tried in {wait} s.");
            (ErrorCode::RateLimited, words, Some(wait))
        }
    };
    let mut response = (status(code), login_page(&headers, next, Some(&words))).into_response();
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    response
}

/// `POST /logout`
pub(super) async fn log_out(State(shared): State<Arc<Shared>>, visitor: Visitor) -> Response {
    if let Some(session) = visitor.session() {
        shared.sessions.end(session);
    }
    let mut response = see_other(login_address(None));
    set_cookie(&mut response, "; Max-Age=0");
    response
}

fn set_cookie(response: &mut Response, value: &str) {
    let cookie = format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/");
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::try_from(cookie).expect("it is visible ASCII"));
}

/// Where one logs in, to be led to `wanted` then.
pub(super) fn login_address(wanted: Option<&str>) -> HeaderValue {
    match own_address(wanted) {
        "/" => HeaderValue::from_static("/login"),
        wanted => {
            let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
            HeaderValue::try_from(format!("/login?next={next}")).expect("it is visible ASCII")
        }
    }
}

/// An address of our own, as it may stand in `Location`; `/` if it is none. A browser reads `//name`, `/\name` and, since it
/// leaves tabs out, a `/` and a tab before the next one, as the address of another host.
pub(super) fn own_address(text: Option<&str>) -> &str {
    let plain = |text: &&str| text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let ours = text.filter(|text| text.starts_with('/') && !text.starts_with("//") && text.len() <= LONGEST_ADDRESS);
    ours.filter(plain).unwrap_or("/")
}

pub(super) fn address(own: &str) -> HeaderValue {
    HeaderValue::try_from(own).expect("it is visible ASCII")
}

pub(super) fn see_other(address: HeaderValue) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A refusal: words for a script, which shows them in its place, a page for a person, JSON for whoever else asks.
pub(super) fn refusal(headers: &HeaderMap, refused: ApiError) -> Response {
    let words = refused.words().to_owned();
    let mut response = refused.into_response();
    if by_htmx(headers) || accepts(headers, "text/plain") {
        response = (response.status(), words).into_response();
    } else if accepts(headers, "text/html") {
        response = (response.status(), alone(headers, "Refused", &html! { p { (words) } })).into_response();
    }
    response
}

fn login_page(headers: &HeaderMap, next: &str, refused: Option<&str>) -> Html<String> {
    let here = login_address(Some(next));
    alone(
        headers,
        "Log in",
        &html! {
            form.form method="post" action=(here.to_str().unwrap_or_default()) {
                @if let Some(words) = refused {
                    p.say.bad #refused role="alert" { (words) }
                }
                div {
                    label.label for="token" { "Operator token" }
                    div.field {
                        input #token type="password" name="token" required autofocus autocomplete="current-password"
                            aria-invalid=[refused.map(|_| "true")] aria-describedby=[refused.map(|_| "refused")];
                    }
                }
                p.quiet { "It stands in the host’s data directory, in the file " code { "operator-token" } ", unless \
                    the host was given one as " code { "MEWE_OPERATOR_TOKEN" } "." }
                div { button.btn.primary type="submit" { "Log in" } }
            }
        },
    )
}

/// A page with nothing but this on it.
fn alone(headers: &HeaderMap, title: &str, content: &Markup) -> Html<String> {
    let theme = ask::cookie(headers, Theme::COOKIE).map(Theme::named).filter(|theme| *theme != Theme::System);
    let page = html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme.map(Theme::name)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · mewe-agent console" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::CSS.path);
            }
            body {
                main.wrap.alone {
                    section.card {
                        header { h1 { (title) } }
                        div.in { (content) }
                    }
                }
            }
        }
    };
    Html(page.into_string())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn what_a_browser_would_read_as_another_hosts_is_no_address_of_ours() {
        let ours = [
            "/",
            "/t/60ffe9492f19cd2677b0e1b1?as=x&q=a%20b",
            "/.//evil.example",
            "/a//b",
            "/?next=https://evil.example",
        ];
        let here = Url::parse("http://localhost:8787/login").unwrap();
        for own in ours {
            assert_eq!(own_address(Some(own)), own);
            assert_eq!(here.join(own).unwrap().origin(), here.origin(), "{own}");
        }
        let pieces =
            ["/", "//", "\\", "\t", "\n", "\r", " ", "", ".", "@", "https:", "http:", "javascript:", "x", "%2f"];
        for number in 0..pieces.len().pow(3) {
            let at = |place: u32| pieces[number / pieces.len().pow(place) % pieces.len()];
            let tried = format!("{}{}{}evil.example", at(2), at(1), at(0));
            let next = own_address(Some(&tried));
            assert_eq!(here.join(next).unwrap().origin(), here.origin(), "{tried:?}");
            HeaderValue::try_from(next).unwrap();
        }
        for no in
            ["", "t", "//evil.example", "/\\evil.example", "/\t/evil.example", "/ð", &format!("/{}", "x".repeat(2048))]
        {
            assert_eq!(own_address(Some(no)), "/", "{no:?}");
        }
    }
}
