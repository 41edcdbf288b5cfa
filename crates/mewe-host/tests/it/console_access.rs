//! Who may see the console: under which name, from which page, logged in how, and for how long.

use std::{collections::BTreeSet, pin::pin};

use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::{Method, Request, header};
use jiff::Timestamp;
use tower::ServiceExt;

use crate::support::{Answer, NOW, TOKEN, World};

const HERE: &str = "http://localhost:8787";
const FORM: &str = "application/x-www-form-urlencoded";
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Every route that `console/mod.rs` names, with something in place of what is left open; the methods of each.
fn routes() -> Vec<(Method, String)> {
    let source = include_str!("../../src/console/mod.rs");
    let mut routes = Vec::new();
    for route in source.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        let path: String = path.split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest)).fold(
            String::new(),
            |path, piece| {
                if path.is_empty() { piece.to_owned() } else { format!("{path}60ffe9492f19cd2677b0e1b1{piece}") }
            },
        );
        let methods = route.split(".method_not_allowed_fallback").next().unwrap();
        let count = routes.len();
        for (method, call) in [(Method::GET, "get("), (Method::POST, "post(")] {
            if methods.match_indices(call).any(|(at, _)| !methods[..at].ends_with(|c: char| c.is_alphanumeric())) {
                routes.push((method, path.clone()));
            }
        }
        assert!(routes.len() > count, "no method was found of {path}");
    }
    for known in ["/", "/live", "/login", "/logout", "/assets/60ffe9492f19cd2677b0e1b1"] {
        assert!(routes.iter().any(|(_, path)| path == known), "{known}");
    }
    routes
}

fn is_open(path: &str) -> bool {
    path == "/login" || path.starts_with("/assets/")
}

async fn public() -> World {
    World::with(|config| config.public = true).await
}

/// What a browser sends when its user types an address.
fn visit(path: &str) -> Request<Body> {
    with(
        Request::get(path).body(Body::empty()).unwrap(),
        &[
            ("host", "localhost:8787"),
            ("accept", "text/html,application/xhtml+xml"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ],
    )
}

/// What a browser sends when somebody fills in a form of ours.
fn sent(path: &str, fields: &str) -> Request<Body> {
    with(
        Request::post(path).body(Body::from(fields.to_owned())).unwrap(),
        &[
            ("host", "localhost:8787"),
            ("origin", HERE),
            ("referer", "http://localhost:8787/apps?x=1"),
            ("content-type", FORM),
            ("accept", "text/html,application/xhtml+xml"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ],
    )
}

fn any(method: &Method, path: &str) -> Request<Body> {
    if method == Method::GET { visit(path) } else { sent(path, "") }
}

/// The request with these headers; an empty value takes one out.
fn with(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
    for (name, value) in headers {
        if value.is_empty() {
            request.headers_mut().remove(*name);
        } else {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
    }
    request
}

/// The request, by another method.
fn by(method: Method, mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = method;
    request
}

fn field(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// Somebody who is logged in.
struct Browser {
    cookie: String,
    form_token: String,
}

impl Browser {
    async fn log_in(world: &World) -> Self {
        let answer = world.ask(sent("/login", &field("token", TOKEN))).await.is(303);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let mut browser = Self { cookie, form_token: String::new() };
        let page = world.ask(browser.visits("/")).await.is(200);
        between(page.text(), "name=\"form-token\" value=\"", "\"").clone_into(&mut browser.form_token);
        browser
    }

    fn visits(&self, path: &str) -> Request<Body> {
        with(visit(path), &[("cookie", &self.cookie)])
    }

    fn sends(&self, path: &str, fields: &str) -> Request<Body> {
        with(sent(path, fields), &[("cookie", &self.cookie)])
    }

    async fn is_in(&self, world: &World) -> bool {
        match world.ask(self.visits("/")).await.status {
            200 => true,
            303 => false,
            other => panic!("{other}"),
        }
    }

    async fn logs_out(&self, world: &World) -> Answer {
        world.ask(self.sends("/logout", &field("form-token", &self.form_token))).await
    }

    /// The stream of what happens.
    async fn watches(&self, world: &World) -> BodyDataStream {
        let request = with(self.visits("/live"), &[("accept", "text/event-stream"), ("sec-fetch-site", "same-origin")]);
        let Ok(answer) = world.host().router().oneshot(request).await;
        assert_eq!(answer.status(), 200);
        answer.into_body().into_data_stream()
    }
}

impl Answer {
    #[track_caller]
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name}: {self:?}")).to_str().unwrap()
    }

    /// It leads to the login, and back to `next`.
    #[track_caller]
    fn asks_for_a_login(self, next: &str) {
        let to = self.is(303).header("location").to_owned();
        assert_eq!(to, login(next));
    }
}

fn login(next: &str) -> String {
    if next == "/" { "/login".to_owned() } else { format!("/login?{}", field("next", next)) }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {text}")).1;
    rest.split_once(after).unwrap().0
}

// From where.

#[tokio::test]
async fn no_route_of_the_console_answers_under_a_foreign_name() {
    for world in [World::new().await, public().await] {
        for (method, path) in routes() {
            for name in
                ["evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example:80", "0.0.0.0"]
            {
                // As it is after a name was made to resolve to loopback: the browser takes it for the same origin.
                let origin = format!("http://{name}");
                let rebound =
                    with(any(&method, &path), &[("host", name), ("accept", ""), ("sec-fetch-site", "same-origin")]);
                world.ask(with(rebound, &[("origin", &origin)])).await.is_refused(421, "wrong_host", "");
                let page = world.ask(with(any(&method, &path), &[("host", name)])).await.is(421);
                assert!(page.text().contains("under that name"), "{page:?}");
            }
            let nameless = with(any(&method, &path), &[("host", ""), ("accept", "")]);
            world.ask(nameless).await.is_refused(421, "wrong_host", "");
            for method in [Method::HEAD, Method::OPTIONS, Method::PUT] {
                world.ask(by(method, with(visit(&path), &[("host", "evil.example")]))).await.is(421);
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_fills_in_no_form() {
    for world in [World::new().await, public().await] {
        let mut forms = 0;
        for (_, path) in routes().into_iter().filter(|(method, _)| method == Method::POST) {
            let foreign = [
                "https://evil.example",
                "http://localhost:9999",
                "http://localhost",
                "https://localhost",
                "http://127.0.0.1:8787",
                "null",
                "localhost:8787",
                "moz-extension://localhost:8787",
            ];
            for origin in foreign {
                for site in ["same-origin", ""] {
                    let request =
                        with(sent(&path, ""), &[("origin", origin), ("sec-fetch-site", site), ("accept", "")]);
                    world.ask(request).await.is_refused(403, "foreign_origin", "another origin");
                }
            }
            for site in ["cross-site", "same-site", "none", ""] {
                let request = with(sent(&path, ""), &[("origin", ""), ("sec-fetch-site", site), ("accept", "")]);
                world.ask(request).await.is_refused(403, "foreign_origin", "another origin");
            }
            // Ours, whichever of the two says so.
            for ours in
                [[("origin", ""), ("sec-fetch-site", "same-origin")], [("origin", HERE), ("sec-fetch-site", "")]]
            {
                let answer = world.ask(with(sent(&path, ""), &ours)).await;
                assert!(!answer.text().contains("another origin"), "{path}: {answer:?}");
            }
            forms += 1;
        }
        assert!(forms >= 2);
    }
}

#[tokio::test]
async fn a_foreign_page_embeds_and_reads_nothing_and_may_only_lead_here() {
    let world = World::new().await;
    for (_, path) in routes().into_iter().filter(|(method, _)| method == Method::GET) {
        // Another port of the same machine is no less foreign.
        for site in ["cross-site", "same-site"] {
            for (mode, dest) in [
                ("cors", "empty"),
                ("no-cors", "empty"),
                ("no-cors", "image"),
                ("no-cors", "script"),
                ("websocket", "empty"),
                ("navigate", "iframe"),
                ("navigate", "object"),
                ("navigate", ""),
                ("", ""),
            ] {
                let request = with(
                    visit(&path),
                    &[("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest), ("accept", "*/*")],
                );
                world.ask(request).await.is_refused(403, "foreign_origin", "another origin");
            }
            let link = with(visit(&path), &[("sec-fetch-site", site)]);
            let status = world.status(link).await;
            assert!(![403, 421].contains(&status), "{path}: {status}");
        }
        // As a browser sends it that says nothing more.
        let stream = with(
            Request::get(&path).body(Body::empty()).unwrap(),
            &[("host", "localhost:8787"), ("origin", "https://evil.example"), ("accept", "text/event-stream")],
        );
        world.ask(stream).await.is_refused(403, "foreign_origin", "another origin");
    }
}

impl World {
    /// The status of an answer, which may have no end.
    async fn status(&self, request: Request<Body>) -> u16 {
        let Ok(answer) = self.host().router().oneshot(request).await;
        answer.status().as_u16()
    }
}

#[tokio::test]
async fn the_console_answers_under_the_hosts_own_names() {
    let world = World::with(|config| config.names = vec!["chat.example.org".to_owned()]).await;
    for name in ["localhost", "127.0.0.1:8787", "[::1]:8787", "chat.example.org", "Chat.Example.org:443"] {
        world.ask(with(visit("/login"), &[("host", name)])).await.is(200);
    }
}

// On this machine alone.

#[tokio::test]
async fn on_this_machine_alone_nobody_logs_in_and_no_page_shows_the_token() {
    let world = World::new().await;
    let page = world.ask(visit("/")).await.is(200);
    assert!(!page.text().contains(TOKEN) && !page.text().contains("/logout"), "{page:?}");
    assert!(!page.headers.contains_key("set-cookie"));
    // As curl asks.
    let bare = Request::get("/").header("host", "localhost:8787").body(Body::empty()).unwrap();
    world.ask(bare).await.is(200);
    let away = world.ask(visit("/login?next=/apps")).await.is(303);
    assert_eq!(away.header("location"), "/apps");
    let away = world.ask(sent("/login?next=//evil.example", &field("token", TOKEN))).await.is(303);
    assert_eq!(away.header("location"), "/");
    assert!(!away.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn on_this_machine_alone_nobody_is_let_in_who_came_through_a_proxy() {
    let through =
        [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-host", "tunnel.example"), ("forwarded", "for=203.0.113.7")];
    let (alone, shown) = (World::new().await, public().await);
    for header in through {
        let request = with(visit("/"), &[header, ("accept", "")]);
        alone.ask(request).await.is_refused(421, "wrong_host", "--public");
        shown.ask(with(visit("/"), &[header])).await.asks_for_a_login("/");
    }
}

// The login.

#[tokio::test]
async fn whoever_is_not_logged_in_is_led_to_the_login_and_back() {
    let named = World::with(|config| config.names = vec!["chat.example.org".to_owned()]).await;
    for world in [public().await, named] {
        for (method, path) in routes().into_iter().filter(|(_, path)| !is_open(path)) {
            for cookie in ["", "mewe-console=", "mewe-console=0123", "mewe-consol=x; theme=dark"] {
                let asked = |headers: &[(&'static str, &str)]| {
                    let path = format!("{path}?a=b");
                    with(with(any(&method, &path), headers), &[("cookie", cookie)])
                };
                let next = if method == Method::GET { format!("{path}?a=b") } else { "/apps?x=1".to_owned() };
                world.ask(asked(&[])).await.asks_for_a_login(&next);
                // What is not a page cannot be led: htmx is told, and a script finds out.
                let htmx =
                    [("hx-request", "true"), ("hx-current-url", "http://localhost:8787/t/x?as=y"), ("accept", "*/*")];
                let answer = world.ask(asked(&htmx)).await.is(401);
                assert_eq!(answer.header("hx-redirect"), login("/t/x?as=y"));
                assert_eq!(answer.text(), "nobody is logged in here, or not any more");
                let stream = world.ask(asked(&[("accept", "text/event-stream")])).await;
                stream.is_refused(401, "unauthorized", "logged in");
                let script = world.ask(asked(&[("x-form-token", "x"), ("accept", "text/plain")])).await.is(401);
                assert_eq!(script.text(), answer.text());
                for answer in [stream, script] {
                    assert!(!answer.headers.contains_key("location"));
                }
            }
        }
        world.ask(by(Method::HEAD, visit("/"))).await.asks_for_a_login("/");
    }
}

#[tokio::test]
async fn the_operator_token_opens_the_console_and_nothing_else_does() {
    let world = public().await;
    let page = world.ask(visit("/login")).await.is(200);
    assert!(page.text().contains("autofocus") && page.text().contains("type=\"password\""));
    assert!(!page.text().contains(TOKEN) && !page.text().contains("role=\"alert\""));
    for wrong in ["", "wrong", &TOKEN[1..], &format!("{TOKEN}x"), &TOKEN.to_uppercase(), &format!("Bearer {TOKEN}")] {
        let answer = world.ask(sent("/login?next=/apps", &field("token", wrong))).await.is(401);
        assert!(answer.text().contains("That is not the operator token."), "{answer:?}");
        // The field has the focus, says why, and leads to the same page still.
        assert!(answer.text().contains("autofocus") && answer.text().contains("aria-describedby=\"refused\""));
        assert!(answer.text().contains("action=\"/login?next=%2Fapps\""), "{answer:?}");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    world.ask(sent("/login", &field("tokem", TOKEN))).await.is(401);
    // As it comes out of a file.
    let answer = world.ask(sent("/login?next=/apps%3Fa%3Db", &field("token", &format!(" {TOKEN}\n")))).await.is(303);
    assert_eq!(answer.header("location"), "/apps?a=b");
    let browser = Browser::log_in(&world).await;
    assert!(browser.is_in(&world).await);
    assert!(!browser.cookie.contains(TOKEN) && !browser.cookie.contains(&browser.form_token));
    assert_eq!(world.ask(browser.visits("/login?next=/apps")).await.is(303).header("location"), "/apps");
    // The cookie is no token of the operator API.
    let value = browser.cookie.split_once('=').unwrap().1;
    let api =
        with(visit("/operator/apps"), &[("cookie", &browser.cookie), ("authorization", &format!("Bearer {value}"))]);
    world.ask(api).await.is_refused(401, "unauthorized", "");
}

#[tokio::test]
async fn the_cookie_is_for_this_host_and_for_no_script() {
    let world = World::with(|config| config.names = vec!["chat.example.org".to_owned()]).await;
    let plain = world.ask(sent("/login", &field("token", TOKEN))).await.is(303);
    let (value, attributes) = plain.header("set-cookie").split_once("; ").unwrap();
    let value = value.strip_prefix("mewe-console=").unwrap();
    assert!(value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()), "{value}");
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/");
    // Behind a proxy that speaks https.
    let secure = with(
        sent("/login", &field("token", TOKEN)),
        &[("host", "chat.example.org"), ("origin", "https://chat.example.org")],
    );
    let secure = world.ask(secure).await.is(303);
    assert!(secure.header("set-cookie").ends_with("; Secure; HttpOnly; SameSite=Strict; Path=/"), "{secure:?}");
    assert_ne!(secure.header("set-cookie").split(';').next(), plain.header("set-cookie").split(';').next());
}

#[tokio::test]
async fn a_login_leads_to_pages_of_this_host_alone() {
    let world = public().await;
    for (next, leads) in [
        ("/", "/"),
        ("/t/60ffe9492f19cd2677b0e1b1?as=x&q=a%20b", "/t/60ffe9492f19cd2677b0e1b1?as=x&q=a%20b"),
        ("", "/"),
        ("apps", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        (" //evil.example", "/"),
        ("https://evil.example", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/ð", "/"),
    ] {
        let path = format!("/login?{}", field("next", next));
        let page = world.ask(visit(&path)).await.is(200);
        let action = between(page.text(), "action=\"", "\"");
        assert_eq!(action, login(leads), "{next:?}");
        for path in [&path, action] {
            let answer = world.ask(sent(path, &field("token", TOKEN))).await.is(303);
            assert_eq!(answer.header("location"), leads, "{next:?}");
        }
    }
}

#[tokio::test]
async fn ten_logins_may_fail_within_a_minute() {
    let world = public().await;
    let earlier = Browser::log_in(&world).await;
    let tries = async |token: &str| world.ask(sent("/login", &field("token", token))).await;
    for _ in 0..9 {
        tries("wrong").await.is(401);
    }
    world.passes(40);
    tries("wrong").await.is(401);
    for token in ["wrong", TOKEN, "wrong"] {
        let limited = tries(token).await.is(420);
        assert_eq!(limited.header("retry-after"), "20");
        assert!(limited.text().contains("in 20 s") && limited.text().contains("autofocus"), "{limited:?}");
        assert!(!limited.headers.contains_key("set-cookie"));
    }
    assert!(earlier.is_in(&world).await, "whoever is in is not concerned");
    world.passes(19);
    assert_eq!(tries(TOKEN).await.is(420).header("retry-after"), "1");
    world.passes(1);
    tries(TOKEN).await.is(303);
    // What was refused unseen counted for nothing, and nine have become too old.
    for _ in 0..9 {
        tries("wrong").await.is(401);
    }
    tries(TOKEN).await.is(420);
    // A clock that steps back locks nobody out for longer.
    world.clock.set(Timestamp::from_second(NOW - 3600).unwrap());
    tries(TOKEN).await.is(303);
}

// For how long.

#[tokio::test]
async fn a_session_ends_after_half_an_hour_in_which_nobody_asked_for_anything() {
    let world = public().await;
    let [busy, idle] = [Browser::log_in(&world).await, Browser::log_in(&world).await];
    world.passes(30 * MINUTE - 1);
    assert!(busy.is_in(&world).await);
    world.passes(1);
    assert!(!idle.is_in(&world).await);
    assert!(busy.is_in(&world).await);
    world.passes(30 * MINUTE);
    assert!(!busy.is_in(&world).await);
    // Ended is ended, whatever the clock does then.
    world.clock.set(Timestamp::from_second(NOW).unwrap());
    assert!(!idle.is_in(&world).await && !busy.is_in(&world).await);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_whatever_is_done() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    for _ in 0..(12 * HOUR / (20 * MINUTE) - 1) {
        world.passes(20 * MINUTE);
        assert!(browser.is_in(&world).await);
    }
    world.passes(20 * MINUTE - 1);
    assert!(browser.is_in(&world).await);
    world.passes(1);
    assert!(!browser.is_in(&world).await);
    assert!(Browser::log_in(&world).await.is_in(&world).await);
}

#[tokio::test]
async fn whoever_logs_out_is_out_with_the_stream_and_others_are_not() {
    let world = public().await;
    let [browser, other] = [Browser::log_in(&world).await, Browser::log_in(&world).await];
    let (mut stream, mut others) = (browser.watches(&world).await, other.watches(&world).await);
    assert!(stream.next().now_or_never().is_none_or(|piece| piece.is_some()));
    let answer = browser.logs_out(&world).await.is(303);
    assert_eq!(answer.header("location"), "/login");
    assert_eq!(answer.header("set-cookie"), "mewe-console=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/");
    assert!(!browser.is_in(&world).await);
    assert!(!still_open(&mut stream));
    assert!(other.is_in(&world).await);
    assert!(still_open(&mut others));
    // Nobody can be made to log out who is not asked for the token.
    browser.logs_out(&world).await.asks_for_a_login("/apps?x=1");
}

/// Reads what there is by now; whether more may come.
fn still_open(stream: &mut BodyDataStream) -> bool {
    loop {
        match pin!(stream.next()).now_or_never() {
            Some(Some(piece)) => drop(piece.unwrap()),
            Some(None) => return false,
            None => return true,
        }
    }
}

#[tokio::test]
async fn a_stream_keeps_nobody_logged_in_and_ends_with_its_session() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    let mut first = browser.watches(&world).await;
    for _ in 0..2 {
        world.passes(14 * MINUTE);
        assert!(still_open(&mut first));
        // It comes back by itself, as often as the line is cut, and tells by itself what was seen.
        assert!(still_open(&mut browser.watches(&world).await));
        let token = ("x-form-token", &*browser.form_token);
        let seen = with(browser.sends("/t/60ffe9492f19cd2677b0e1b1/seen", ""), &[token, ("accept", "text/plain")]);
        assert_ne!(world.ask(seen).await.status, 401);
        let checks = with(browser.visits("/keys"), &[("hx-request", "true"), ("accept", "*/*")]);
        world.ask(checks).await.is(200);
    }
    world.passes(2 * MINUTE);
    assert!(!still_open(&mut first));
    assert!(!browser.is_in(&world).await);
    let request = with(browser.visits("/live"), &[("accept", "text/event-stream")]);
    world.ask(request).await.is_refused(401, "unauthorized", "logged in");
}

#[tokio::test]
async fn a_stream_goes_on_as_long_as_somebody_is_there() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    let mut stream = browser.watches(&world).await;
    for _ in 0..4 {
        assert!(still_open(&mut stream));
        world.passes(20 * MINUTE);
        let htmx = [("hx-request", "true"), ("hx-current-url", "http://localhost:8787/"), ("accept", "*/*")];
        world.ask(with(browser.visits("/keys"), &htmx)).await.is(200);
    }
    assert!(still_open(&mut stream));
}

#[tokio::test]
async fn on_this_machine_alone_a_stream_does_not_end() {
    let world = World::new().await;
    let mut stream = Browser { cookie: "a=b".to_owned(), form_token: String::new() }.watches(&world).await;
    world.passes(13 * HOUR);
    assert!(still_open(&mut stream));
}

#[tokio::test]
async fn of_more_than_64_sessions_the_one_idle_for_longest_ends() {
    let world = public().await;
    let mut browsers = Vec::new();
    for _ in 0..64 {
        browsers.push(Browser::log_in(&world).await);
        world.passes(1);
    }
    let mut second = browsers[1].watches(&world).await;
    assert!(browsers[0].is_in(&world).await, "and so the second is the one idle for longest");
    world.passes(1);
    browsers.push(Browser::log_in(&world).await);
    assert!(!still_open(&mut second));
    let mut out = BTreeSet::new();
    for (at, browser) in browsers.iter().enumerate() {
        if !browser.is_in(&world).await {
            out.insert(at);
        }
    }
    assert_eq!(out, BTreeSet::from([1]));
}

#[tokio::test]
async fn a_second_login_of_one_browser_ends_its_first_and_a_restart_ends_all() {
    let mut world = public().await;
    let first = Browser::log_in(&world).await;
    world.ask(first.sends("/login", &field("token", "wrong"))).await.is(401);
    assert!(first.is_in(&world).await);
    world.ask(first.sends("/login", &field("token", TOKEN))).await.is(303);
    assert!(!first.is_in(&world).await);
    let other = Browser::log_in(&world).await;
    world.restarts().await;
    assert!(!other.is_in(&world).await);
}

#[tokio::test]
async fn the_cookie_is_found_among_others() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    let forged = format!("mewe-console=forged; theme=dark;{} ; x=y", browser.cookie);
    world.ask(with(visit("/"), &[("cookie", &forged)])).await.is(200);
    let mut two = with(visit("/"), &[("cookie", "mewe-console=forged")]);
    two.headers_mut().append(header::COOKIE, browser.cookie.parse().unwrap());
    world.ask(two).await.is(200);
    let shorter = &browser.cookie[..browser.cookie.len() - 1];
    world.ask(with(visit("/"), &[("cookie", shorter)])).await.asks_for_a_login("/");
    world.ask(with(visit("/"), &[("cookie", &browser.cookie.to_uppercase())])).await.asks_for_a_login("/");
}

// Forms.

#[tokio::test]
async fn a_form_without_the_token_of_its_session_does_nothing() {
    let world = public().await;
    let [browser, other] = [Browser::log_in(&world).await, Browser::log_in(&world).await];
    let cut = &browser.form_token[1..];
    let wrong = ["", "form-token=", "form-token=x", &field("form-token", &other.form_token), &field("form-token", cut)];
    let mut forms = 0;
    for (_, path) in routes().into_iter().filter(|(method, path)| method == Method::POST && path != "/login") {
        for fields in wrong {
            let forged = with(browser.sends(&path, fields), &[("accept", "")]);
            world.ask(forged).await.is_refused(403, "foreign_origin", "earlier login");
        }
        for token in ["x", &other.form_token, cut] {
            let forged = with(browser.sends(&path, ""), &[("x-form-token", token), ("accept", "")]);
            world.ask(forged).await.is_refused(403, "foreign_origin", "earlier login");
        }
        forms += 1;
    }
    assert!(forms > 0);
    assert!(browser.is_in(&world).await && other.is_in(&world).await);
    // Whoever asked is told why.
    let htmx = with(browser.sends("/logout", ""), &[("hx-request", "true")]);
    assert!(world.ask(htmx).await.is(403).text().starts_with("this page is of an earlier login"));
    let page = world.ask(browser.sends("/logout", "")).await.is(403);
    assert!(page.header("content-type").starts_with("text/html") && page.text().contains("load it again"), "{page:?}");
    browser.logs_out(&world).await.is(303);
    // A script's own request has it in a header, and nothing else in it.
    let by_header = with(other.sends("/logout", ""), &[("x-form-token", &other.form_token)]);
    world.ask(by_header).await.is(303);
    assert!(!browser.is_in(&world).await && !other.is_in(&world).await);
}

#[tokio::test]
async fn a_form_is_urlencoded_and_of_bounded_size() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    let token = field("form-token", &browser.form_token);
    for path in ["/login", "/logout"] {
        let sends = |fields: &str, kind: &str| {
            let request = browser.sends(path, &format!("{fields}&{token}"));
            with(request, &[("content-type", kind), ("accept", "")])
        };
        for kind in [
            "",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/json",
            "application/x-www-form-urlencodedx",
        ] {
            world.ask(sends("a=b", kind)).await.is_refused(400, "invalid", "Content-Type");
        }
        world.ask(sends(&"a=b&".repeat(200), FORM)).await.is_refused(400, "invalid", "200 fields");
        world.ask(sends(&"x".repeat(256 * 1024), FORM)).await.is_refused(413, "too_large", "");
    }
    assert!(browser.is_in(&world).await);
    let fields = format!("{token}{}", "&a=b".repeat(199));
    let kind = [("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")];
    world.ask(with(browser.sends("/logout", &fields), &kind)).await.is(303);
}

// What every answer carries.

#[tokio::test]
async fn every_answer_keeps_other_pages_out() {
    let world = public().await;
    let browser = Browser::log_in(&world).await;
    let put = |path: &str| by(Method::PUT, browser.sends(path, &field("form-token", &browser.form_token)));
    let style = {
        let page = world.ask(visit("/login")).await;
        between(page.text(), "<link rel=\"stylesheet\" href=\"", "\"").to_owned()
    };
    let htmx = with(visit("/"), &[("hx-request", "true")]);
    let answers = [
        ("a page", browser.visits("/"), 200),
        ("the login", visit("/login"), 200),
        ("a login that failed", sent("/login", "token=x"), 401),
        ("a login", sent("/login", &field("token", TOKEN)), 303),
        ("the way to the login", visit("/"), 303),
        ("that way, for htmx", htmx, 401),
        ("a form without token", browser.sends("/logout", ""), 403),
        ("a foreign page", with(visit("/"), &[("origin", "null")]), 403),
        ("a foreign name", with(visit("/"), &[("host", "evil.example")]), 421),
        ("a form that is none", with(sent("/login", ""), &[("content-type", "")]), 400),
        ("a wrong method", put("/"), 405),
        ("a wrong method for an asset", put(&style), 405),
        ("an asset", visit(&style), 200),
        ("no asset", visit("/assets/nothing.css"), 404),
    ];
    for (what, request, status) in answers {
        let answer = world.ask(request).await.is(status);
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "{what}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", if what == "an asset" { "public, max-age=31536000, immutable" } else { "no-store" }),
        ] {
            assert_eq!(answer.header(name), value, "{what}: {name}");
            assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{what}: {name}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{what}");
    }
    let limited = async {
        for _ in 0..9 {
            world.ask(sent("/login", "token=x")).await.is(401);
        }
        world.ask(sent("/login", "token=x")).await.is(420)
    };
    assert!(limited.await.header("content-security-policy").starts_with("default-src 'none';"));
}
