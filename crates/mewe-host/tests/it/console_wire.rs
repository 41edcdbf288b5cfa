//! The wire on the page: what is listed, what is filtered, what can be taken away, and what is told of it.

use axum::body::Body;
use futures_util::{FutureExt, StreamExt};
use http::{Request, header};
use mewe_protocol::{ApiKey, Reading, UnixSeconds, decided, json, request::Unverified};
use serde_json::{Value, json};

use tower::ServiceExt;

use crate::support::{Answer, Does, NOW, World};

const HERE: &str = "http://localhost:8787";

fn to(request: http::request::Builder) -> http::request::Builder {
    request.header(header::HOST, "localhost:8787").header("sec-fetch-site", "same-origin")
}

async fn page(world: &World, path: &str) -> Answer {
    world.ask(to(Request::get(path)).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap()).await
}

/// What the page's own script sends.
async fn posts(world: &World, path: &str, fields: &str) -> Answer {
    let request = to(Request::post(path))
        .header(header::ORIGIN, HERE)
        .header(header::ACCEPT, "text/plain")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.ask(request.body(Body::from(fields.to_owned())).unwrap()).await
}

/// The ids of the rows on a page, in their order.
fn rows(page: &str) -> Vec<i64> {
    let ids = page.split(" id=\"w-").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap());
    ids.collect()
}

/// What the stream tells of a page at once, as HTML.
async fn told(world: &World, address: &str, after: i64) -> String {
    let address: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    let request = to(Request::get(format!("/live?after={after}&page={address}"))).body(Body::empty()).unwrap();
    let Ok(answer) = world.host().router().oneshot(request).await;
    assert_eq!(answer.status(), 200);
    let mut stream = answer.into_body().into_data_stream();
    let mut told = String::new();
    while let Some(Some(piece)) = tokio::task::unconstrained(stream.next()).now_or_never() {
        let piece = piece.unwrap();
        let piece = std::str::from_utf8(&piece).unwrap();
        let data = piece.split_once("data: ").map(|(_, data)| data.trim_end());
        told.extend(data.map(|data| json::read::<String>(data.as_bytes()).unwrap()));
    }
    told
}

/// The event after which a page wants to be told.
fn after(page: &Answer) -> i64 {
    page.text().split("data-after=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn list_count_and_stream_agree_on_what_a_filter_shows() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let there = |q: &str| format!("/t/{}?as={petur}&q={q}", muaddib.personal);
    let before = after(&page(&world, &there("")).await);
    world.says(petur, muaddib.personal, "kol og kaffi").await;
    world.settles().await;
    world.endpoints.all(Does::Answer(503));
    world.says(petur, muaddib.personal, "charcoal").await;
    world.settles().await;
    for (q, words, other) in [
        ("state%3Aretrying", "charcoal", "kol og kaffi"),
        ("state%3Adelivered+kol", "kol og kaffi", "charcoal"),
        ("agent%3Amuaddib+charcoal", "charcoal", "kol og kaffi"),
    ] {
        let shown = page(&world, &there(q)).await.is(200);
        let wire = shown.text().split("id=\"rows\"").nth(1).unwrap().split("</ol>").next().unwrap().to_owned();
        assert!(wire.contains(words) && !wire.contains(other), "{q}: {wire}");
        assert_eq!(rows(&wire).len(), 1, "{q}");
        assert!(shown.text().contains(">1 fit<"), "{q}");
        let told = told(&world, &there(q), before).await;
        let fitting: Vec<&str> = told.split("<template data-into=\"rows\">").skip(1).collect();
        let fitting: Vec<&str> = fitting.iter().map(|rest| rest.split("</template>").next().unwrap()).collect();
        assert_eq!(fitting.len(), 1, "{q}: {told}");
        assert!(fitting[0].contains(words), "{q}");
        assert!(told.contains(">1 fit<"), "{q}");
    }
    let nothing = page(&world, &there("agent%3AThor")).await.is(200);
    assert!(nothing.text().contains("Nothing matches <code>agent:Thor</code>"));
    assert!(!nothing.text().contains("Every webhook and API call will appear here"), "not under a filter");
}

#[tokio::test]
async fn rows_stand_in_the_order_in_which_they_began_whatever_becomes_of_them() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Answer(503));
    for n in 0..3 {
        world.says(petur, muaddib.personal, &format!("message {n}")).await;
        world.passes(1);
    }
    world.settles().await;
    let address = format!("/t/{}?as={petur}", muaddib.personal);
    let first = rows(page(&world, &address).await.is(200).text());
    world.endpoints.all(Does::Answer(200));
    world.passes(120);
    world.settles().await;
    assert_eq!(rows(page(&world, &address).await.is(200).text()), first);
    assert!(first.is_sorted() && first.len() >= 4, "{first:?}");
    // Once more is a new attempt in the same row.
    let last = first.last().unwrap();
    posts(&world, &format!("/wire/{last}/redeliver"), "").await.is(303);
    world.settles().await;
    let shown = page(&world, &format!("{address}&wire={last}")).await.is(200);
    assert_eq!(rows(shown.text()), first);
    assert!(shown.text().contains("id=\"try-2\"") || shown.text().contains("id=\"try-3\""), "a further attempt");
}

#[tokio::test]
async fn a_command_to_take_away_is_signed_when_it_is_asked_for_and_stands_in_no_page() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.says(petur, muaddib.personal, "it's about 'quotes' and $(things)").await;
    world.settles().await;
    let address = format!("/t/{}?as={petur}", muaddib.personal);
    let shown = page(&world, &address).await.is(200);
    let row = *rows(shown.text()).last().unwrap();
    let sheet = page(&world, &format!("{address}&wire={row}&show=whole")).await.is(200);
    world.passes(77);
    let command = posts(&world, &format!("/wire/{row}/curl"), "").await.is(200).text().to_owned();
    let value = |name: &str| command.split(&format!("-H '{name}: ")).nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(value("X-Timestamp"), (u64::try_from(NOW).unwrap() + 77).to_string());
    assert!(!sheet.text().contains(value("X-Signature")), "signed afresh");
    let body = command.split("--data-binary ").nth(1).unwrap();
    let body = body.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap().replace(r"'\''", "'");
    let sent: Value = json::read(body.as_bytes()).unwrap();
    assert_eq!(sent["messageText"], "it's about 'quotes' and $(things)");
    for page in [&shown, &sheet] {
        assert!(!page.text().contains(muaddib.key.expose()), "the key is in no page");
    }
    // A vector is the same under a key that is good for nothing.
    let vector = posts(&world, &format!("/wire/{row}/vector"), "").await.is(200);
    let case: Value = json::read(vector.text().as_bytes()).unwrap();
    let mut headers = http::HeaderMap::new();
    for (name, value) in case["headers"].as_object().unwrap() {
        headers
            .insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.as_str().unwrap().parse().unwrap());
    }
    let key = ApiKey::new(case["api_key"].as_str().unwrap()).unwrap();
    let unverified = mewe_protocol::webhook::Unverified::from_headers(&headers).unwrap();
    let body = bytes::Bytes::from(case["body"].as_str().unwrap().to_owned());
    let now = UnixSeconds(case["now"].as_u64().unwrap());
    unverified.verify(body, &[key], Reading::Compact, decided::TOLERANCE_SECONDS, now).unwrap();
    assert!(!vector.text().contains(muaddib.key.expose()));
    // Of two attempts it is the one that was looked at.
    posts(&world, &format!("/wire/{row}/redeliver"), "").await.is(303);
    world.settles().await;
    for (attempt, second) in [("1", NOW), ("2", NOW + 77)] {
        let vector = posts(&world, &format!("/wire/{row}/vector"), &format!("attempt={attempt}")).await.is(200);
        let case: Value = json::read(vector.text().as_bytes()).unwrap();
        assert_eq!(case["now"], second, "{attempt}");
        let sheet = page(&world, &format!("{address}&wire={row}&attempt={attempt}")).await.is(200);
        assert!(sheet.text().contains(&format!("name=\"attempt\" value=\"{attempt}\"")));
    }
}

#[tokio::test]
async fn a_refused_call_says_which_reading_would_have_let_it_in() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let body = b"{\n  \"text\": \"charcoal\"\n}";
    let now = UnixSeconds(world.second());
    let signed = mewe_protocol::request::sign(&muaddib.key, muaddib.app, muaddib.id, now, body, Reading::Raw);
    let path = decided::SEND_PATH.replace("{threadId}", &muaddib.personal.to_string());
    let mut request = Request::post(path).body(Body::from(&body[..])).unwrap();
    signed.apply(request.headers_mut());
    Unverified::from_headers(request.headers()).unwrap();
    world.ask(request).await.is(401);
    world.noted(1).await;
    let address = format!("/t/{}?as={petur}", muaddib.personal);
    let list = page(&world, &format!("{address}&q=state%3Arefused")).await.is(200);
    let row = rows(list.text());
    assert_eq!(row.len(), 1);
    assert!(list.text().contains("401 signature"));
    let sheet = page(&world, &format!("{address}&wire={}", row[0])).await.is(200);
    for words in ["match the bytes as they came", "what an agent should do", "charcoal", "the bytes as received"] {
        assert!(sheet.text().to_lowercase().contains(words), "{words}");
    }
    let hex = mewe_protocol::request::sign(&muaddib.key, muaddib.app, muaddib.id, now, body, Reading::Raw).lines();
    let hex = hex.iter().find_map(|line| line.strip_prefix("X-Signature: ")).unwrap();
    assert!(!sheet.text().contains(hex), "masked until it is asked for");
    assert!(page(&world, &format!("{address}&wire={}&show=whole", row[0])).await.is(200).text().contains(hex));
}

#[tokio::test]
async fn who_has_seen_a_thread_finds_nothing_new_in_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let family = world.posts("/operator/threads", json!({ "name": "Family", "participants": [petur, sigrun] })).await;
    let family: mewe_protocol::ThreadId = family.created().id("threadId");
    let (family_page, elsewhere) = (format!("/t/{family}?as={petur}"), format!("/t/{}?as={petur}", muaddib.personal));
    page(&world, &family_page).await.is(200);
    world.says(petur, family, "mine").await;
    // What one says oneself is seen.
    page(&world, &family_page).await.is(200);
    for text in ["one", "two"] {
        world.says(sigrun, family, text).await;
    }
    let unread = "<span class=\"sr\">unread: </span>2";
    assert!(page(&world, &elsewhere).await.is(200).text().contains(unread));
    let looked = page(&world, &family_page).await.is(200);
    assert!(looked.text().contains(">2 new<"), "where the new ones begin");
    assert!(!page(&world, &elsewhere).await.is(200).text().contains(unread), "seen by looking");
    assert!(!page(&world, &family_page).await.is(200).text().contains(">2 new<"));
    // What came while the page was open is told to be seen.
    world.says(sigrun, family, "three").await;
    let newest = page(&world, &format!("/t/{family}?as={sigrun}")).await.is(200);
    let newest = newest.text().rsplit("data-message=\"").find(|rest| rest.contains("three")).unwrap().to_owned();
    let newest = newest.split('"').next().unwrap();
    posts(&world, &format!("/t/{family}/seen"), &format!("as={petur}&message={newest}")).await.is(204);
    assert!(!page(&world, &elsewhere).await.is(200).text().contains("unread: "));
}
