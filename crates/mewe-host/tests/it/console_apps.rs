//! The console's applications, its first steps and its search, as a browser without script asks for them.

use std::time::Duration;

use axum::body::Body;
use futures_util::{FutureExt, StreamExt};
use http::Request;
use jiff::{Timestamp, tz::TimeZone};
use mewe_protocol::{ApiKey, AppId};
use mewe_runtime::clock::Clock;
use serde_json::json;
use tower::ServiceExt;
use url::form_urlencoded;

use crate::support::{Agent, Answer, App, Does, TOKEN, World};

/// What a browser sends when its user follows a link.
fn visit(path: &str) -> Request<Body> {
    let request = Request::get(path).header("host", "localhost:8787").header("accept", "text/html");
    request.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap()
}

/// What a browser sends when its user fills in a form.
fn sent(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path).header("host", "localhost:8787").header("origin", "http://localhost:8787");
    let request = request.header("content-type", "application/x-www-form-urlencoded").header("accept", "text/html");
    request.body(Body::from(fields)).unwrap()
}

/// What a page says: without its tags, each of which parts words unless it stands within a sentence.
fn words(html: &str) -> String {
    let mut out = String::new();
    for piece in html.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        if !["bdi", "code", "mark"].contains(&tag.trim_start_matches('/')) {
            out.push(' ');
        }
        out.push_str(text);
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of a page from the element with this id on.
#[track_caller]
fn from<'a>(page: &'a str, id: &str) -> &'a str {
    let at = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("#{id} is not in {page}"));
    page[at..].split_once('>').unwrap().1
}

/// The section with this id.
#[track_caller]
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    from(page, id).split("</section>").next().unwrap()
}

impl World {
    /// A page of the console.
    async fn sees(&self, path: &str) -> String {
        self.ask(visit(path)).await.is(200).text().to_owned()
    }

    async fn fills_in(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(sent(path, fields)).await
    }

    /// Fills in a form; where it leads.
    async fn does(&self, path: &str, fields: &[(&str, &str)]) -> String {
        self.fills_in(path, fields).await.is(303).headers["location"].to_str().unwrap().to_owned()
    }
}

/// How often `what` is in `text`.
fn times(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[tokio::test]
async fn where_there_is_a_login_every_form_brings_its_token_back() {
    let world = World::with(|config| config.public = true).await;
    let login = world.ask(sent("/login", &[("token", TOKEN)])).await.is(303);
    let cookie = login.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let with_cookie = |mut request: Request<Body>| {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request
    };
    let first = world.ask(with_cookie(visit("/"))).await.is(200);
    let token =
        first.text().split("name=\"form-token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    world.ask(with_cookie(sent("/apps", &NEW))).await.is(403);
    let mut fields = NEW.to_vec();
    fields.push(("form-token", &token));
    let made = world.ask(with_cookie(sent("/apps", &fields))).await.is(200);
    let (app, _) = registered(made.text());
    let step = world.ask(with_cookie(visit("/"))).await.is(200);
    let demo = [("app", app.to_string()), ("form-token", token.clone())];
    let demo = demo.each_ref().map(|(name, value)| (*name, value.as_str()));
    world.ask(with_cookie(sent("/demo", &demo))).await.is(303);
    let list = world.ask(with_cookie(visit("/apps"))).await.is(200);
    let agent = world.gets("/operator/agents").await.json()["agents"][0]["agentId"].as_str().unwrap().to_owned();
    let whole = world.ask(with_cookie(visit(&format!("{}?remove={agent}", page_of(app))))).await.is(200);
    let live = with_cookie(visit(&format!("/live?after=0&page={}", page_of(app))));
    let Ok(answer) = world.host().router().oneshot(live).await;
    let told = news(&mut answer.into_body().into_data_stream());
    for (page, forms) in [(first.text(), 4), (step.text(), 4), (list.text(), 3), (whole.text(), 10), (&told, 1)] {
        let (all, tokens) = (times(page, "method=\"post\""), times(page, "name=\"form-token\" value="));
        assert!(all == tokens && all >= forms, "{tokens} of {all} forms in {page}");
    }
}

fn page_of(app: AppId) -> String {
    format!("/apps/{app}")
}

/// The application and the key that an answer shows.
fn registered(page: &str) -> (AppId, String) {
    let env = from(page, "env").split("</code>").next().unwrap();
    let lines: Vec<&str> = env.lines().collect();
    let [host, app, key] = lines[..] else { panic!("{env}") };
    assert_eq!(host, "MEWE_HOST=http://localhost:8787");
    let app = app.strip_prefix("MEWE_APP_ID=").unwrap().parse().unwrap();
    (app, key.strip_prefix("MEWE_API_KEY=").unwrap().to_owned())
}

const NEW: [(&str, &str); 4] = [
    ("name", "Personal <assistant>"),
    ("webhook", "http://127.0.0.1:9000/webhook"),
    ("permission", "user_chats"),
    ("permission", "post_content"),
];

#[tokio::test]
async fn a_key_is_shown_by_the_answer_to_its_registration_and_by_no_page() {
    let world = World::new().await;
    let petur = world.petur().await;
    let form = world.sees("/apps").await;
    assert!(form.contains("None yet"), "{form}");
    assert_eq!(form.matches("checked").count(), 2, "both permissions are offered as on");
    for first in [false, true] {
        let mut fields = NEW.to_vec();
        fields.extend(first.then_some(("first", "1")));
        let answer = world.fills_in("/apps", &fields).await.is(200);
        let (app, key) = registered(answer.text());
        assert!(!answer.headers.contains_key("location") && !answer.headers.contains_key("set-cookie"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.text().contains("shown this once"), "{answer:?}");
        assert!(!answer.text().contains("<assistant>"), "{answer:?}");
        // It is the one under which agents are heard.
        let key = ApiKey::new(key).unwrap();
        world.endpoints.knows("http://127.0.0.1:9000/webhook", &key);
        let owner = if first { world.sigrun().await } else { petur };
        let agent = world.agent(&App { id: app, key: key.clone() }, owner, "MuadDib").await;
        world.sends(&agent, agent.personal, "Hello").await.is(200);
        world.settles().await;
        let thread = format!("/t/{}?wire=1&show=whole", agent.personal);
        let search = format!("/search?q={}", &key.expose()[..12]);
        for page in ["/apps", &page_of(app), "/keys", &thread, &search] {
            let page = world.sees(page).await;
            assert!(!page.contains(key.expose()), "{page}");
        }
    }
}

#[tokio::test]
async fn an_application_is_what_its_form_says_and_what_the_form_does_not_know_stays() {
    let world = World::new().await;
    let url = "https://agent.example/webhook";
    let answer = world.fills_in("/apps", &[("name", "Thor"), ("webhook", url), ("permission", "user_chats")]).await;
    let (app, _) = registered(answer.is(200).text());
    let path = format!("/operator/apps/{app}");
    assert_eq!(world.gets(&path).await.json()["permissions"], json!(["user_chats"]));
    world.patches(&path, json!({ "permissions": ["post_content", "read the stars"] })).await.is(200);
    let page = world.sees(&page_of(app)).await;
    for shown in ["Thor", url, "personal_agent", "compact", "read the stars", &app.to_string()] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let edited =
        [("permissions", "given"), ("name", "Þór"), ("webhook", "https://b.example/"), ("permission", "user_chats")];
    assert_eq!(world.does(&page_of(app), &edited).await, page_of(app));
    let now = world.gets(&path).await.json();
    assert_eq!((&now["name"], &now["webhookUrl"]), (&json!("Þór"), &json!("https://b.example/")));
    assert_eq!(now["permissions"], json!(["user_chats", "read the stars"]));
    // A form without permissions leaves them alone.
    world.does(&page_of(app), &[("name", "Thor")]).await;
    assert_eq!(world.gets(&path).await.json()["permissions"], now["permissions"]);
    for (field, value) in [("name", " "), ("webhook", "ftp://a.example/"), ("webhook", "")] {
        let refused = world.fills_in(&page_of(app), &[(field, value)]).await.is(400);
        assert!(refused.text().contains("Not done"), "{refused:?}");
    }
    for fields in [&NEW[..1], &NEW[1..]] {
        world.fills_in("/apps", fields).await.is(400);
    }
    assert_eq!(world.gets("/operator/apps").await.json()["apps"].as_array().unwrap().len(), 1);
}

/// A delivery that takes so many milliseconds to be answered so.
fn takes(world: &World, milliseconds: u64, does: Does) {
    let clock = world.clock.clone();
    world.endpoints.do_as(move |_| {
        clock.advance(Duration::from_millis(milliseconds));
        does
    });
}

/// What the four facts and the picture of a page's health say.
async fn health(world: &World, app: AppId) -> (Vec<String>, String) {
    let page = world.sees(&page_of(app)).await;
    let section = section(&page, "health");
    let facts = section.split("<dd>").skip(1).map(|fact| words(fact.split("</dd>").next().unwrap())).collect();
    let chart = section.split("aria-label=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (facts, chart)
}

#[tokio::test]
async fn health_is_that_of_the_last_sixty_minutes() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let other = world.app("Thor").await;
    let thor = world.agent(&other, sigrun, "Thor").await;
    world.settles().await;
    world.passes(2 * 3600);
    let (facts, chart) = health(&world, muaddib.app).await;
    assert!(facts[0] == "0 of 0" && facts[1] == "– no answer yet" && facts[3] == "0 nothing waits", "{facts:?}");
    // It did take something, before.
    assert!(facts[2].ends_with("2 h ago"), "{facts:?}");
    assert_eq!(chart, "Nothing was attempted in the last 60 minutes");
    for milliseconds in [30, 40, 50, 2000] {
        takes(&world, milliseconds, Does::Answer(200));
        world.says(petur, muaddib.personal, "Hello").await;
        world.delivers().await;
        world.passes(60);
    }
    takes(&world, 7, Does::Refuse);
    world.says(petur, muaddib.personal, "Hello?").await;
    world.says(petur, muaddib.personal, "Hello??").await;
    world.delivers().await;
    // What another application gets is another one's.
    takes(&world, 9, Does::Answer(200));
    world.says(sigrun, thor.personal, "Hello").await;
    let page = world.sees(&page_of(other.id)).await;
    assert!(section(&page, "health").contains("1 <small>"), "{page}");
    world.endpoints.all(Does::Refuse);
    world.passes(84 - 60);
    let (facts, chart) = health(&world, muaddib.app).await;
    assert_eq!(facts[..2], ["4 of 5", "40 ms · 2.0 s"]);
    assert!(facts[2].ends_with("84 s ago") && facts[3] == "2 1 retrying", "{facts:?}");
    assert_eq!(chart, "Attempts a minute in the last 60 minutes: at most 1; 1 failed");
    let page = world.sees(&page_of(muaddib.app)).await;
    assert_eq!((page.matches("class=\"bar-ok\"").count(), page.matches("class=\"bar-bad\"").count()), (4, 1));
    assert!(section(&page, "health").contains("q=state%3Aretrying"), "{page}");
    assert!(!page.contains("style="), "{page}");
    // An hour later, only what is tried again has happened.
    world.endpoints.take();
    world.passes(3600);
    world.delivers().await;
    let (facts, chart) = health(&world, muaddib.app).await;
    assert_eq!(facts[..2], ["0 of 1", "– no answer yet"]);
    assert!(facts[2].ends_with("61 min ago"), "{facts:?}");
    assert_eq!(chart, "Attempts a minute in the last 60 minutes: at most 1; 1 failed");
    // It comes back, and so does all that waited.
    world.endpoints.all(Does::Answer(200));
    world.passes(60);
    world.delivers().await;
    let (facts, _) = health(&world, muaddib.app).await;
    assert!(facts[0] == "2 of 2" && facts[3] == "0 nothing waits", "{facts:?}");
}

#[tokio::test]
async fn the_agents_of_an_application_are_shown_with_how_they_are() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let row = async || {
        let page = world.sees(&page_of(app.id)).await;
        words(from(&page, &format!("chat-{}", muaddib.id)).split("</tr>").next().unwrap())
    };
    assert_eq!(row().await, "M MuadDib Pétur Jureksson 1 healthy not yet");
    let family = world.thread(&[petur]).await;
    world.seat(&muaddib, family).await.is(201);
    // Who is refused may be anybody.
    let stranger = Agent { key: ApiKey::new("another key").unwrap(), ..muaddib.clone() };
    world.sends(&stranger, family, "Hello").await.is(401);
    world.noted(1).await;
    assert_eq!(row().await, "M MuadDib Pétur Jureksson 2 1 waiting not yet");
    world.sends(&muaddib, family, "Hello").await.is(200);
    world.noted(2).await;
    let heard = at(&world);
    world.passes(60);
    assert_eq!(row().await, format!("M MuadDib Pétur Jureksson 2 1 waiting {heard}"));
    // A second one, for somebody who is not there yet.
    let added = [("owner", ""), ("first", "Sigrún"), ("last", ""), ("name", "Thor")];
    let path = format!("{}/agents", page_of(app.id));
    assert_eq!(world.does(&path, &added).await, page_of(app.id));
    let page = world.sees(&page_of(app.id)).await;
    assert!(words(&page).contains("T Thor Sigrún 1 1 waiting not yet"), "{page}");
    // Each owner has one.
    world.fills_in(&path, &[("owner", &petur.to_string()), ("name", "Thor")]).await.is(409);
    world.fills_in(&path, &[("owner", ""), ("first", " "), ("name", "Thor")]).await.is(400);
    world.fills_in(&path, &[("owner", &petur.to_string()), ("name", "")]).await.is(400);
    assert_eq!(world.gets("/operator/users").await.json()["users"].as_array().unwrap().len(), 2);
}

/// What a clock on the wall shows.
fn at(world: &World) -> String {
    world.clock.now().to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[tokio::test]
async fn a_test_event_leads_to_its_row_of_the_wire() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let path = format!("{}/test", page_of(muaddib.app));
    let page = world.sees(&page_of(muaddib.app)).await;
    for name in mewe_protocol::Payload::NAMES {
        assert!(page.contains(&format!("<option value=\"{name}\"")), "{name}: {page}");
        let to = world.does(&path, &[("agent", &muaddib.id.to_string()), ("event", name)]).await;
        let (place, row) = to.split_once("&wire=").unwrap();
        assert_eq!(place, format!("/t/{}?as={petur}", muaddib.personal));
        let row = row.split('&').next().unwrap();
        let shown = world.sees(&to).await;
        let open = from(&shown, &format!("w-{row}")).split("</a>").next().unwrap();
        assert!(open.contains(name.trim_start_matches("personal_")), "{name}: {open}");
        let heard = world.hears(&muaddib).await;
        assert!(heard.len() == 1 && heard[0].starts_with(&format!("{name} ")), "{heard:?}");
    }
    for event in ["", "personal_dance", "personal chat"] {
        world.fills_in(&path, &[("agent", &muaddib.id.to_string()), ("event", event)]).await.is(400);
    }
    let other = world.app("Thor").await;
    let foreign = format!("{}/test", page_of(other.id));
    world.fills_in(&foreign, &[("agent", &muaddib.id.to_string()), ("event", "personal_chat_mention")]).await.is(404);
    assert_eq!(world.hears(&muaddib).await, [""; 0]);
}

#[tokio::test]
async fn pausing_makes_deliveries_wait_and_resuming_lets_them_go_in_their_order() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let (path, here) = (page_of(muaddib.app), [("back", "/apps")]);
    assert_eq!(world.does(&format!("{path}/pause"), &[]).await, path);
    world.says(petur, muaddib.personal, "one").await;
    world.says(petur, muaddib.personal, "two").await;
    assert_eq!(world.hears(&muaddib).await, [""; 0]);
    let page = words(&world.sees(&path).await);
    assert!(page.contains("Paused") && page.contains("paused, 2") && page.contains("Resume deliveries"), "{page}");
    assert!(!page.contains("Pause deliveries"), "{page}");
    assert_eq!(world.does(&format!("{path}/resume"), &[]).await, path);
    world.delivers().await;
    world.delivers().await;
    assert_eq!(world.endpoints.taken_by(muaddib.id).len(), 2);
    // One of two.
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let thor = world.agent(&app, sigrun, "Thor").await;
    world.settles().await;
    assert_eq!(world.does(&format!("/agents/{}/pause", thor.id), &here).await, "/apps");
    let page = words(&world.sees(&path).await);
    assert!(page.contains("Paused for 1 of 2 agents"), "{page}");
    assert!(page.contains("Pause all") && page.contains("Resume all"), "{page}");
    world.says(sigrun, thor.personal, "hello").await;
    world.says(petur, muaddib.personal, "hello").await;
    assert_eq!(world.hears(&muaddib).await.len(), 1);
    world.does(&format!("{path}/resume"), &[]).await;
    assert_eq!(world.hears(&thor).await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_off_says_why_and_goes_on_when_its_url_is_set_again() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Answer(410));
    world.says(petur, muaddib.personal, "Hello").await;
    world.settles().await;
    world.endpoints.all(Does::Answer(200));
    let path = page_of(muaddib.app);
    let page = words(&world.sees(&path).await);
    assert!(page.contains("Nothing is delivered: the endpoint answered 410. 1 delivery waits; nothing is lost. Set the webhook URL again to go on."), "{page}");
    assert!(page.contains("Endpoint off") && page.contains("Pétur Jureksson 1 endpoint off not yet"), "{page}");
    // Saving the settings as they are is no such thing.
    let url = "https://muaddib.example/webhook";
    world.does(&path, &[("name", "MuadDib"), ("webhook", url)]).await;
    assert_eq!(world.hears(&muaddib).await, [""; 0]);
    world.does(&path, &[("again", "1"), ("webhook", url)]).await;
    assert_eq!(world.hears(&muaddib).await.len(), 1);
    assert!(!world.sees(&path).await.contains("Nothing is delivered"));
}

#[tokio::test]
async fn what_ended_since_a_time_is_sent_once_more() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut when = Vec::new();
    for text in ["a day ago", "hours ago", "just now"] {
        when.push(world.clock.now());
        world.says(petur, muaddib.personal, text).await;
        world.settles().await;
        world.passes(if text == "a day ago" { 20 * 3600 } else { 5 * 3600 });
    }
    world.says(petur, muaddib.personal, "now").await;
    world.settles().await;
    let path = page_of(muaddib.app);
    let again = async |fields: &[(&str, &str)], count: usize, said: &str| {
        let to = world.does(&format!("{path}/redeliver"), fields).await;
        assert_eq!(to, format!("{path}?redelivered={count}"));
        assert!(words(&world.sees(&to).await).contains(said));
        while world.delivers().await > 0 {}
        assert_eq!(world.endpoints.taken_by(muaddib.id).len(), count);
    };
    again(&[("since", "hour")], 1, "1 delivery is sent once more, as a new attempt in its own row.").await;
    again(&[("since", "day")], 3, "3 deliveries are sent once more").await;
    again(&[("since", "all")], 5, "5 deliveries").await;
    let typed = |at: Timestamp| at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%dT%H:%M").to_string();
    again(&[("since", "hour"), ("at", &typed(when[2]))], 2, "2 deliveries").await;
    let future = world.clock.now().checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
    again(&[("since", "all"), ("at", &typed(future))], 0, "0 deliveries had ended since then").await;
    for wrong in [[("since", "moon"), ("at", "")], [("since", "all"), ("at", "yesterday")]] {
        world.fills_in(&format!("{path}/redeliver"), &wrong).await.is(400);
    }
}

#[tokio::test]
async fn removing_an_agent_is_asked_once_more_in_numbers() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let family = world.thread(&[petur]).await;
    world.seat(&muaddib, family).await.is(201);
    let path = page_of(muaddib.app);
    assert!(world.sees(&path).await.contains(&format!("{path}?remove={}#remove", muaddib.id)));
    let asked = world.sees(&format!("{path}?remove={}", muaddib.id)).await;
    let asked = words(section(&asked, "remove"));
    assert!(asked.contains("Takes it out of 2 threads, and tells the application. What it wrote stays; 1 delivery that waits is still delivered. This cannot be taken back."), "{asked}");
    assert_eq!(world.does(&format!("/agents/{}/remove", muaddib.id), &[]).await, path);
    while world.delivers().await > 0 {}
    let heard = world.endpoints.taken_by(muaddib.id);
    assert!(heard.last().unwrap().starts_with("personal_agent_unregistered"), "{heard:?}");
    assert!(words(&world.sees(&path).await).contains("No agent yet"));
    world.fills_in(&format!("/agents/{}/remove", muaddib.id), &[]).await.is(404);
}

#[tokio::test]
async fn deleting_says_what_it_does_and_does_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let path = page_of(muaddib.app);
    let effect = async || words(from(&world.sees(&path).await, "deletes").split("</p>").next().unwrap());
    assert_eq!(effect().await, "Unregisters 1 agent; no delivery waits");
    world.endpoints.all(Does::Refuse);
    world.says(petur, muaddib.personal, "Hello").await;
    world.says(petur, muaddib.personal, "Hello?").await;
    world.settles().await;
    assert_eq!(effect().await, "Unregisters 1 agent, cancels 2 deliveries");
    assert_eq!(world.does(&format!("{path}/delete"), &[]).await, "/apps");
    world.ask(visit(&path)).await.is(404);
    world.fills_in(&format!("{path}/delete"), &[]).await.is(404);
    assert!(world.sees("/apps").await.contains("None yet"));
    let states = world.gets(&format!("/operator/deliveries?agentId={}", muaddib.id)).await.json();
    let cancelled = states["deliveries"].as_array().unwrap().iter().filter(|delivery| delivery["state"] == "cancelled");
    // What it would have heard of that itself is cancelled with it.
    assert_eq!(cancelled.count(), 3);
}

#[tokio::test]
async fn the_first_steps_tick_one_after_the_other() {
    let world = World::new().await;
    let steps = async || {
        let page = world.sees("/").await;
        assert!(page.contains("Every webhook and API call will appear here"), "{page}");
        let steps = from(&page, "steps").split("class=\"alt\"").next().unwrap().to_owned();
        let kinds = steps.split("<section class=\"").skip(1).map(|step| step.split('"').next().unwrap().to_owned());
        (kinds.collect::<Vec<_>>(), words(&steps))
    };
    let (kinds, said) = steps().await;
    assert_eq!(kinds, ["step now", "step", "step"]);
    assert!(said.contains("Register an application"), "{said}");
    let mut fields = NEW.to_vec();
    fields.push(("first", "1"));
    let answer = world.fills_in("/apps", &fields).await.is(200);
    let (app, key) = registered(answer.text());
    assert!(answer.text().contains("Your own messenger"), "{answer:?}");
    world.endpoints.knows("http://127.0.0.1:9000/webhook", &ApiKey::new(key).unwrap());
    let (kinds, said) = steps().await;
    assert_eq!(kinds, ["step done", "step now", "step"]);
    assert!(said.contains("Personal &lt;assistant&gt;, webhook to 127.0.0.1:9000/webhook"), "{said}");
    assert!(said.contains("Nothing was sent to 127.0.0.1:9000 yet."), "{said}");
    assert!(said.contains(&format!("MEWE_APP_ID={app}")) && !said.contains("MEWE_API_KEY="), "{said}");
    // Who looks meanwhile is told.
    let mut live = world.watches("/").await;
    let to = world.does("/demo", &[("app", &app.to_string())]).await;
    let told = news(&mut live);
    assert!(told.contains("id=\"steps\"") && told.contains("In a chat"), "{told}");
    world.endpoints.all(Does::Refuse);
    world.settles().await;
    let told = news(&mut live);
    assert!(told.contains("nothing listens there. It is tried again."), "{told}");
    world.endpoints.all(Does::Answer(200));
    world.passes(60);
    world.settles().await;
    let told = news(&mut live);
    assert!(told.contains("It answered at") && told.contains("Agent started"), "{told}");
    assert!(!told.contains("MEWE_API_KEY="), "{told}");
    // From now on it is the chat that one comes to.
    let home = world.ask(visit("/")).await.is(303).headers["location"].to_str().unwrap().to_owned();
    assert_eq!(home, to);
}

/// What somebody with this page open is told.
type Live = axum::body::BodyDataStream;

impl World {
    async fn watches(&self, page: &str) -> Live {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("page", page).finish();
        let Ok(answer) = self.host().router().oneshot(visit(&format!("/live?{query}"))).await;
        assert_eq!(answer.status(), 200);
        answer.into_body().into_data_stream()
    }
}

/// All that is told by now, as HTML.
fn news(live: &mut Live) -> String {
    let mut told = String::new();
    while let Some(piece) = tokio::task::unconstrained(live.next()).now_or_never() {
        let piece = piece.unwrap().unwrap();
        let piece = std::str::from_utf8(&piece).unwrap();
        // Now and then it is only said that the host is still there.
        if let Some((_, data)) = piece.split_once("data: ") {
            told += &mewe_protocol::json::read::<String>(data.trim_end().as_bytes()).unwrap();
        }
    }
    told
}

#[tokio::test]
async fn the_page_of_an_application_is_told_what_changes_of_it_and_no_key() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut live = world.watches(&page_of(muaddib.app)).await;
    let mut list = world.watches("/apps").await;
    assert_eq!(news(&mut live), "");
    world.endpoints.all(Does::Refuse);
    world.says(petur, muaddib.personal, "Hello").await;
    world.settles().await;
    let told = news(&mut live);
    for id in ["app-state", "health", "app-agents", "deletes", "dot"] {
        assert!(told.contains(&format!("id=\"{id}\"")), "{id}: {told}");
    }
    let said = words(&told);
    assert!(said.contains("Unregisters 1 agent, cancels 1 delivery") && said.contains("1 retrying"), "{told}");
    assert!(!told.contains(muaddib.key.expose()));
    assert!(news(&mut list).contains("id=\"apps\""));
    // What it is told is what it would have shown.
    let page = world.sees(&page_of(muaddib.app)).await;
    for id in ["health", "app-agents"] {
        assert_eq!(section(&page, id).split("</table>").next(), section(&told, id).split("</table>").next());
    }
    world.deletes(&format!("/operator/apps/{}", muaddib.app)).await.is(204);
    assert!(!news(&mut live).contains("id=\"health\""));
}

#[tokio::test]
async fn the_demo_people_come_once_and_around_each_application() {
    let world = World::new().await;
    let app = world.app("Assistant").await;
    let to = world.does("/demo", &[("app", &app.id.to_string())]).await;
    assert_eq!(world.does("/demo", &[("app", &app.id.to_string())]).await, to);
    let users = world.gets("/operator/users").await.json();
    let names: Vec<&str> =
        users["users"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Pétur Jureksson", "Sigrún Guðmundsdóttir"]);
    let agents = world.gets("/operator/agents").await.json();
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1);
    let agent = &agents["agents"][0];
    assert_eq!((&agent["agentName"], &agent["ownerId"]), (&json!("MuadDib"), &users["users"][0]["userId"]));
    let thread = agent["threads"][0].as_str().unwrap();
    assert_eq!(to, format!("/t/{thread}?as={}", agent["ownerId"].as_str().unwrap()));
    let page = world.sees(&to).await;
    assert!(page.contains("Family") && page.contains("Sigrún Guðmundsdóttir"), "{page}");
    // A second application brings its own agent to the same people.
    let other = world.app("Thor").await;
    assert_eq!(world.does("/demo", &[("app", &other.id.to_string())]).await, to);
    assert_eq!(world.gets("/operator/users").await.json(), users);
    assert_eq!(world.gets("/operator/agents").await.json()["agents"].as_array().unwrap().len(), 2);
    world.fills_in("/demo", &[("app", "60ffe9492f19cd2677b0a0c1")]).await.is(404);
    world.fills_in("/demo", &[]).await.is(400);
}

fn search(query: &str) -> String {
    format!("/search?{}", form_urlencoded::Serializer::new(String::new()).append_pair("q", query).finish())
}

/// The links of the hits of a page, and what they say.
fn hits(page: &str) -> Vec<(String, String)> {
    let hits = page.split("class=\"hit\" href=\"").skip(1).map(|hit| {
        let (href, rest) = hit.split_once('"').unwrap();
        (href.replace("&amp;", "&"), words(rest.split_once('>').unwrap().1.split("</a>").next().unwrap()))
    });
    hits.collect()
}

#[tokio::test]
async fn words_are_found_as_they_are_read_and_escaped_as_they_stand() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let say = async |text: &str| world.says(petur, muaddib.personal, text).await;
    let script = say("look: <script>alert(1)</script>").await;
    say("100 % of it_all").await;
    say("100 X of it-all").await;
    say("Þórr ok ÞÓRR").await;
    let mention = say(&format!("Hey {{{{u_{}}}MuadDib}} How's going?", muaddib.id)).await;
    world.settles().await;
    let found = async |query: &str| {
        let page = world.sees(&search(query)).await;
        assert!(!page.contains("<script>") && !page.contains("style="), "{page}");
        (hits(&page), page)
    };
    let (all, page) = found("<SCRIPT>").await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, format!("/t/{}#m-a-{script}", muaddib.personal));
    assert!(page.contains("look: <mark>&lt;script&gt;</mark>alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.contains("value=\"&lt;SCRIPT&gt;\""), "{page}");
    // Nothing of it stands for anything else.
    for (query, count) in [("100 %", 1), ("it_all", 1), ("it-all", 1), ("%", 1), ("_all", 1), ("!", 0), ("100", 2)] {
        assert_eq!(found(query).await.0.len(), count, "{query}");
    }
    let (all, page) = found("þórr").await;
    assert_eq!(all.len(), 1);
    assert!(page.contains("<mark>Þórr</mark> ok <mark>ÞÓRR</mark>"), "{page}");
    // As it is read: with a name, without the marks of a mention; its deliveries stand beside it.
    let (all, page) = found("hey muaddib how").await;
    assert_eq!(all[0].0, format!("/t/{}#m-a-{mention}", muaddib.personal));
    assert!(all[0].1.ends_with("Pétur Jureksson in Pétur Jureksson, MuadDib Hey MuadDib How's going?"), "{all:?}");
    let beside = page.split("class=\"ways\"").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(beside.contains("chat_mention") && beside.contains("?wire="), "{beside}");
    assert_eq!(found("u_6").await.0.len(), 0);
    for query in ["", "  ", "@"] {
        let page = world.sees(&search(query)).await;
        assert!(page.contains("What can be found"), "{page}");
    }
    let (all, page) = found("<i>nowhere</i>").await;
    assert!(
        all.is_empty() && page.contains("Nothing matches <code><bdi>&lt;i&gt;nowhere&lt;/i&gt;</bdi></code>."),
        "{page}"
    );
    // Longer than anybody searches for.
    world.sees(&search(&"a".repeat(60_000))).await;
    world.ask(visit("/search?q=a&m=nothing")).await.is(400);
    assert!(world.ask(visit("/search")).await.is(200).text().contains("What can be found"));
}

#[tokio::test]
async fn deliveries_and_calls_are_found_by_why_they_failed() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    world.says(petur, muaddib.personal, "Hello").await;
    world.settles().await;
    let stranger = Agent { key: ApiKey::new("another key").unwrap(), ..muaddib.clone() };
    world.sends(&stranger, muaddib.personal, "what a stranger said").await.is(401);
    world.noted(1).await;
    let by_why = hits(&world.sees(&search("nothing listens")).await);
    assert_eq!(by_why.len(), 1);
    assert!(by_why[0].0.starts_with(&format!("/t/{}?wire=", muaddib.personal)), "{by_why:?}");
    assert!(
        by_why[0].1.contains("chat_message to MuadDib") && by_why[0].1.ends_with("nothing listens there"),
        "{by_why:?}"
    );
    let by_event = hits(&world.sees(&search("agent_registered")).await);
    assert!(by_event.len() == 1 && by_event[0].1.contains("agent_registered"), "{by_event:?}");
    let by_words = hits(&world.sees(&search("a stranger said")).await);
    assert!(by_words.len() == 1 && by_words[0].1.contains("POST message by MuadDib 401 signature"), "{by_words:?}");
    // A row of a thread that is none is shown beside its agent's.
    let event = [("agent", muaddib.id.to_string()), ("event", "personal_user_joined_chat".to_owned())];
    let event = event.each_ref().map(|(name, value)| (*name, value.as_str()));
    world.does(&format!("{}/test", page_of(muaddib.app)), &event).await;
    for (href, _) in hits(&world.sees(&search("user_joined")).await) {
        assert!(href.starts_with(&format!("/t/{}?", muaddib.personal)), "{href}");
        world.sees(&href).await;
    }
}

#[tokio::test]
async fn hits_come_in_pages_each_once_and_lead_to_where_they_stand() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    let mut said = Vec::new();
    for n in 0..130 {
        said.push(world.says(petur, muaddib.personal, &format!("fish, and that listens: {n}")).await);
        world.passes(1);
        world.delivers().await;
    }
    world.endpoints.take();
    let mut all = Vec::new();
    let mut next = search("listens");
    loop {
        let page = world.sees(&next).await;
        let found = hits(&page);
        assert!(found.len() <= 40);
        all.extend(found);
        let Some(more) = page.split("id=\"more\" href=\"").nth(1) else { break };
        next = more.split('"').next().unwrap().replace("&amp;", "&");
    }
    let messages: Vec<&String> = all.iter().map(|(href, _)| href).filter(|href| href.contains("#m-a-")).collect();
    assert_eq!(messages.len(), said.len());
    for (href, id) in messages.into_iter().rev().zip(&said) {
        let (page, anchor) = href.split_once('#').unwrap();
        assert_eq!(anchor, format!("m-a-{id}"));
        let page = world.sees(page).await;
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{href}");
    }
    // Only the first of them was attempted, and failed for that reason.
    assert_eq!(all.len(), said.len() + 1);
    let mut once: Vec<&String> = all.iter().map(|(href, _)| href).collect();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), all.len());
}

#[tokio::test]
async fn people_threads_agents_and_applications_are_gone_to_by_name_or_id() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let family = world.posts("/operator/threads", json!({ "name": "Fjölskyldan", "participants": [petur] })).await;
    let family = family.created().id::<mewe_protocol::id::kind::Thread>("threadId").to_string();
    let alone = world.person("<b>Alone</b>", "Somewhere").await;
    let message = world.says(petur, muaddib.personal, "Hello").await;
    let links = async |query: &str| {
        let page = world.sees(&search(query)).await;
        assert!(!page.contains("<b>Alone"), "{page}");
        let goto = page.split("class=\"goto\"").nth(1).map_or("", |goto| goto.split("</ul>").next().unwrap());
        let links = goto
            .split("class=\"item\" href=\"")
            .skip(1)
            .map(|link| link.split('"').next().unwrap().replace("&amp;", "&"));
        (links.collect::<Vec<_>>(), words(goto))
    };
    let personal = format!("/t/{}", muaddib.personal);
    let (to, said) = links("muaddib").await;
    assert_eq!(to, [personal.clone(), format!("{personal}?as={petur}"), page_of(muaddib.app)], "{said}");
    assert!(said.contains("personal thread") && said.contains("agent of Pétur Jureksson"), "{said}");
    assert_eq!(links("fjölsk").await.0, [format!("/t/{family}")]);
    assert_eq!(links(&family).await.0, [format!("/t/{family}")]);
    assert_eq!(links(&muaddib.app.to_string()).await.0, [page_of(muaddib.app)]);
    assert_eq!(links(&message.to_string()).await.0, [format!("{personal}#m-a-{message}")]);
    // Who is in no thread can be found, and speaks nowhere.
    let (to, said) = links("alone").await;
    assert!(to.is_empty() && said.contains("&lt;b&gt;Alone&lt;/b&gt; Somewhere"), "{said}");
    assert!(links(&alone.to_string()).await.1.contains("Somewhere"));
}
