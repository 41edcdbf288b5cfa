//! What people do in the console, in a real browser, against real processes: told by the page, and checked by the operator API.

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use mewe_protocol::{
    AgentId, ApiKey, AppId, EventName, Reading, SignedHeaders, UnixSeconds, decided, json, request, webhook,
};
use mewe_runtime::{
    clock::{Clock, SystemClock},
    transport::{HttpTransport, Limits, Transport},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Browser, Line, Operator, Server, lasting_address, mewe_agent, run, text, until};

/// What `dev` brought up, when MuadDib has said all that it says unasked.
struct World {
    dev: Server,
    operator: Operator,
    petur: String,
    sigrun: String,
    app: String,
    muaddib: String,
    personal: String,
    family: String,
    work: String,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
        let dev = Server::start(&mut mewe_agent(args));
        let operator = dev.operator(&dir.path().join("host"));
        let user = |name| text(&operator.row("users", "name", name), "userId");
        let thread = |name| text(&operator.row("threads", "name", name), "threadId");
        let (petur, sigrun) = (user("Pétur Jureksson"), user("Sigrún Guðmundsdóttir"));
        let (family, work) = (thread("Family"), thread("Work"));
        let agent = operator.row("agents", "agentName", "MuadDib");
        let (app, muaddib) = (text(&agent, "appId"), text(&agent, "agentId"));
        let personal = text(&agent, "personalChatThreadId");
        // A greeting, and a word about each of the two threads.
        until("MuadDib has come", || (operator.said_by(&muaddib, &personal).len() == 3).then_some(()));
        let world = Self { dev, operator, petur, sigrun, app, muaddib, personal, family, work, dir };
        world.settles();
        world
    }

    /// Waits until nothing is on its way to an agent.
    fn settles(&self) {
        until("everything is delivered", || {
            // In one look: what is due may be on its way in the next.
            let list = self.operator.lists("/operator/deliveries?limit=100");
            list["deliveries"].as_array().unwrap().iter().all(|delivery| delivery["state"] == "delivered").then_some(())
        });
    }

    /// The address of a thread with somebody speaking, and perhaps more of the page's state.
    fn at(&self, thread: &str, user: &str, more: &str) -> String {
        format!("{}/t/{thread}?as={user}{more}", self.dev.url)
    }

    /// A text that mentions MuadDib.
    fn to_muaddib(&self, words: &str) -> String {
        format!("{{{{u_{}}}MuadDib}} {words}", self.muaddib)
    }

    /// Waits until MuadDib has said something in `thread` that contains `words`.
    fn hears(&self, thread: &str, words: &str) -> String {
        until(words, || self.operator.said_by(&self.muaddib, thread).into_iter().find(|text| text.contains(words)))
    }

    /// How often MuadDib has said something in `thread` that contains `words`.
    fn answers(&self, thread: &str, words: &str) -> usize {
        self.operator.said_by(&self.muaddib, thread).iter().filter(|text| text.contains(words)).count()
    }

    /// The delivery that was promised last, with its attempts.
    fn last_delivery(&self) -> Value {
        let list = self.operator.lists("/operator/deliveries?limit=1");
        self.delivery(list["deliveries"][0]["deliveryId"].as_i64().unwrap())
    }

    fn delivery(&self, id: i64) -> Value {
        self.operator.lists(&format!("/operator/deliveries/{id}"))
    }

    fn key(&self) -> ApiKey {
        let key = std::fs::read_to_string(self.dir.path().join("api-key")).unwrap();
        ApiKey::new(key.trim()).unwrap()
    }

    /// A body that MuadDib, or somebody with its key, sends to its personal thread, signed in some way.
    fn calls(&self, body: &[u8], key: &ApiKey, reading: Reading) -> (u16, Value) {
        let (app, agent): (AppId, AgentId) = (self.app.parse().unwrap(), self.muaddib.parse().unwrap());
        self.sends(body, &request::sign(key, app, agent, now(), body, reading))
    }

    /// The same, with headers that were signed before.
    fn sends(&self, body: &[u8], headers: &SignedHeaders) -> (u16, Value) {
        let url = format!("{}{}", self.dev.url, decided::send_path(self.personal.parse().unwrap()));
        let mut request = Request::post(url).body(Bytes::copy_from_slice(body)).unwrap();
        headers.apply(request.headers_mut());
        let (status, answer) = call(request);
        (status, json::read(&answer).unwrap_or_default())
    }
}

fn now() -> UnixSeconds {
    SystemClock.now().into()
}

/// Sends a request, as any program does; the status and the body of the answer.
fn call(request: Request<Bytes>) -> (u16, Bytes) {
    let limits = Limits { timeout: Duration::from_secs(30), max_body: 8 << 20 };
    let http = HttpTransport::new(Arc::new(SystemClock)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(http.call(request, limits)).unwrap();
    (answer.status().as_u16(), answer.into_body())
}

/// What a person sees and does, in words of the page.
trait Page {
    /// The texts of all elements that match `css`.
    fn texts(&self, css: &str) -> Vec<String>;
    /// What is in the one field that matches `css`.
    fn value(&self, css: &str) -> String;
    /// The page as it is, with everything that nobody sees.
    fn source(&self) -> String;
    /// Presses the keys of a text one by one, wherever the focus is.
    fn writes(&self, text: &str);
    /// Waits until something that matches `css` has the focus.
    fn is_on(&self, css: &str);
    /// Keeps what goes to the clipboard from now on.
    fn watches_the_clipboard(&self);
    /// What went there since; waits for it.
    fn copied(&self) -> String;
}

impl Page for Browser {
    fn texts(&self, css: &str) -> Vec<String> {
        let found = self.run_with(
            "return [...document.querySelectorAll(arguments[0])].map(element => element.innerText.trim())",
            &json!([css]),
        );
        found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    fn value(&self, css: &str) -> String {
        self.run_with("return document.querySelector(arguments[0]).value", &json!([css])).as_str().unwrap().to_owned()
    }

    fn source(&self) -> String {
        self.run("return document.documentElement.outerHTML").as_str().unwrap().to_owned()
    }

    fn writes(&self, text: &str) {
        for key in text.chars() {
            self.press(&key.to_string());
        }
    }

    fn is_on(&self, css: &str) {
        let script = "return document.activeElement.matches(arguments[0])";
        self.until(&format!("the focus is on `{css}`"), || {
            self.run_with(script, &json!([css])).as_bool().filter(|is_on| *is_on)
        });
    }

    fn watches_the_clipboard(&self) {
        self.run("navigator.clipboard.writeText = words => { window.__copied = words; return Promise.resolve() }");
    }

    fn copied(&self) -> String {
        let taken = "const words = window.__copied; delete window.__copied; return words";
        self.until("something is copied", || self.run(taken).as_str().map(str::to_owned))
    }
}

/// A message of somebody in the first chat.
fn said_by(user: &str) -> String {
    format!("#msgs-a .msg[data-by='{user}'] .text")
}

#[test]
fn the_conversation_of_the_readme_is_had_in_the_page() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    browser.open(&world.dev.url);
    assert!(browser.address().contains(&world.personal), "{}", browser.address());
    browser.reads("#people [aria-current]", "Pétur Jureksson");
    browser.types("#text-a", "help\n");
    browser.reads("#msgs-a .mine .text", "help");
    browser.reads(&format!("#msgs-a .mine ~ .msg[data-by='{}'] .text", world.muaddib), "catch up: what is new");
    assert_eq!(browser.value("#text-a"), "");

    browser.click(&format!("#as-{}", world.sigrun));
    browser.reads("#people [aria-current]", "Sigrún Guðmundsdóttir");
    browser.reads("#foot-a", "takes no part in this thread");
    browser.click(&format!("#thread-{}", world.family));
    browser.reads("#head-a h2", "Family");
    browser.types("#text-a", "@Mu");
    assert_eq!(browser.reads("#ats-a li[aria-selected=true]", "MuadDib"), "MuadDib");
    browser.press("Enter");
    browser.misses("#ats-a");
    assert_eq!(browser.value("#text-a"), "@MuadDib ");
    browser.types("#text-a", "shall we meet on Friday?\n");
    browser.reads("#msgs-a .mine .text .at", "@MuadDib");
    browser.reads(&said_by(&world.muaddib), "Pétur");
    assert_eq!(
        world.operator.said_by(&world.sigrun, &world.family),
        [world.to_muaddib("shall we meet on Friday?")],
        "a name becomes a mention"
    );

    // A message and a mention, both taken.
    browser.reads("#msgs-a .mine .ticks .ok", "2 ·");
    let bubbles = "return [...document.querySelectorAll('#msgs-a > li')].map(row => {
        const { x, y, width, height } = row.getBoundingClientRect();
        const text = row.querySelector('.text');
        return [x, y, width, height, text && text.getBoundingClientRect().width];
    })";
    let colour = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor";
    let hers = json!([said_by(&world.sigrun)]);
    let (before, tinted) = (browser.run(bubbles), browser.run_with(colour, &hers));
    browser.click(&format!("#as-{}", world.petur));
    browser.sees(&format!("#foot-a[data-as='{}']", world.petur));
    browser.until("nothing here is Pétur's own", || {
        browser.run("return document.querySelector('#msgs-a .mine')").is_null().then_some(())
    });
    assert_eq!(browser.run(bubbles), before, "switching the speaker moves nothing");
    assert_ne!(browser.run_with(colour, &hers), tinted, "and recolours what was said");

    browser.click(&format!("#thread-{}", world.personal));
    browser.reads("#head-a h2", "MuadDib");
    browser.types("#text-a", "catch up\n");
    let answer = format!("#msgs-a .mine ~ .msg[data-by='{}'] .text", world.muaddib);
    browser.reads(&answer, "Sigrún Guðmundsdóttir");
    world.hears(&world.personal, "one new message since you last wrote there (Sigrún Guðmundsdóttir 1)");
}

#[test]
fn two_people_in_two_browsers_see_each_other_write() {
    let Some([his, hers]) = Browser::two() else { return };
    let world = World::new();
    his.open(&world.at(&world.family, &world.petur, ""));
    hers.open(&world.at(&world.family, &world.sigrun, ""));
    his.types("#text-a", "Góðan dag\n");
    hers.reads(&said_by(&world.petur), "Góðan dag");
    assert_eq!(hers.texts("#msgs-a .mine .text"), [""; 0]);
    hers.types("#text-a", "Blessaður\n");
    his.reads(&said_by(&world.sigrun), "Blessaður");
    assert_eq!(his.texts("#msgs-a .msg .text"), ["Góðan dag", "Blessaður"]);
    assert_eq!(hers.texts("#msgs-a .msg .text"), ["Góðan dag", "Blessaður"]);

    hers.click(&format!("#thread-{}", world.work));
    hers.reads("#head-a h2", "Work");
    for words in ["one", "two"] {
        his.types("#text-a", &format!("{words}\n"));
        his.reads("#msgs-a .mine .text", words);
    }
    let family = format!("#thread-{}", world.family);
    hers.reads(&format!("{family} .count"), "2");
    let title = || hers.run("return document.title").as_str().unwrap().to_owned();
    hers.until("the title counts", || title().starts_with("(2) ").then_some(()));
    assert_eq!(hers.texts("#msgs-a .msg .text"), [""; 0]);
    hers.click(&family);
    assert_eq!(hers.reads("#msgs-a .day.new", "new").to_lowercase(), "2 new");
    hers.misses(&format!("{family} .count"));
    hers.until("the title counts nothing", || (!title().starts_with('(')).then_some(()));
    assert_eq!(hers.texts("#msgs-a .day.new ~ .msg .text"), ["one", "two"]);
    // What comes while one looks is seen.
    his.types("#text-a", "three\n");
    hers.reads(&said_by(&world.petur), "three");
    hers.until("it was noted as seen", || {
        hers.open(&world.at(&world.work, &world.sigrun, ""));
        hers.texts(&format!("{family} .count")).is_empty().then_some(())
    });
}

/// The words of a command as a shell reads them.
fn shell_words(command: &str) -> Vec<String> {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}\n");
    let said = run(Command::new("sh").args(["-c", &script]), b"");
    assert!(said.code == 0 && said.err.is_empty(), "{command}: {said:?}");
    said.out.split_terminator('\0').map(str::to_owned).collect()
}

/// What curl would send.
fn request_of(command: &str) -> Request<Bytes> {
    let (mut request, mut body) = (Request::builder(), Bytes::new());
    let mut words = shell_words(command).into_iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap();
        request = match &*word {
            "-X" => request.method(next().as_str()),
            "-H" => {
                let header = next();
                let (name, value) = header.split_once(": ").unwrap();
                request.header(name, value)
            }
            "--data-binary" => {
                body = next().into();
                assert!(!body.starts_with(b"@"), "{command}");
                request
            }
            url => request.uri(url),
        };
    }
    request.body(body).unwrap()
}

#[test]
fn a_delivery_is_taken_apart_sent_again_and_taken_away() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    world.operator.says(&world.sigrun, &world.family, "it's a \"test\" \\ of æ,\u{2028}ð & 'more'");
    world.settles();
    let delivery = world.last_delivery();
    let payload = text(&delivery, "payload");
    browser.open(&world.at(&world.family, &world.sigrun, ""));
    browser.click("#msgs-a .ticks .ok");
    browser.reads("#sheet-state", "Delivered");
    assert_eq!(browser.reads("#dl", ""), "personal_chat_message");
    browser.reads("#try-1", "200");
    assert_eq!(browser.texts("#tries li").len(), 1);

    let parts = browser.texts("#signature .formula .part");
    assert_eq!(parts, ["timestamp", "agent id", "event", "payload, compact"]);
    let string = browser.run("return document.querySelector('#base').textContent");
    let string = string.as_str().unwrap().strip_prefix("Base string: ").unwrap();
    let signed = UnixSeconds(string.split_once(':').unwrap().0.parse().unwrap());
    let attempted: jiff::Timestamp = text(&delivery["attemptLog"][0], "at").parse().unwrap();
    assert!(UnixSeconds::from(attempted).0.abs_diff(signed.0) <= 1, "{attempted} {signed:?}");
    let event: EventName = text(&delivery, "event").parse().unwrap();
    let agent: AgentId = world.muaddib.parse().unwrap();
    let base = webhook::base(&event, agent, signed, payload.as_bytes(), Reading::Compact);
    assert_eq!(string.as_bytes(), base);
    let headers = webhook::sign(&world.key(), &event, agent, signed, payload.as_bytes(), Reading::Compact);
    let signature = headers.lines().iter().find_map(|line| line.strip_prefix("X-Signature: ").map(str::to_owned));
    let signature = signature.unwrap();
    assert_eq!(signature.len(), 64);
    let masked = browser.reads("#signature .hex", &signature[..8]);
    assert!(masked.ends_with(&signature[60..]) && !browser.source().contains(&signature[..12]), "{masked}");
    browser.click("#show");
    browser.reads("#signature .hex", &signature);
    assert!(browser.address().contains("show=whole"));
    browser.click_on("#show", "Mask");
    browser.until("it is masked again", || (!browser.source().contains(&signature[..12])).then_some(()));

    browser.click("#payload a.raw");
    browser.until("it is shown raw", || (browser.texts("#payload pre") == [payload.as_str()]).then_some(()));
    browser.click("#payload a.pretty");
    let pretty = browser.reads("#payload pre", "{\n");
    let pretty: Value = json::read(pretty.as_bytes()).unwrap();
    assert_eq!(pretty, json::read::<Value>(payload.as_bytes()).unwrap());

    let rows =
        || browser.run("return [...document.querySelectorAll('#rows > li[data-key]')].map(row => row.dataset.key)");
    let before = rows();
    browser.click("#redeliver button");
    browser.reads("#try-2", "200");
    browser.reads("#sheet-state", "Delivered");
    assert_eq!(rows(), before, "a new attempt in the same row");
    let again = world.delivery(delivery["deliveryId"].as_i64().unwrap());
    assert_eq!((&again["attempts"], &again["payload"]), (&json!(2), &delivery["payload"]));
    browser.click("#try-1");
    browser.reads("#s-sig", "attempt 1");

    browser.watches_the_clipboard();
    browser.click("#curl button");
    let command = browser.copied();
    let request = request_of(&command);
    assert_eq!((request.method(), request.body()), (&Method::POST, &Bytes::from(payload.clone())));
    assert_eq!(call(request).0, 200, "{command}");

    browser.click("#vector button");
    let vector = browser.copied();
    let vector: Value = json::read(vector.as_bytes()).unwrap_or_else(|why| panic!("{why}: {vector}"));
    let at = UnixSeconds(vector["now"].as_u64().unwrap());
    let base = webhook::base(&event, agent, at, payload.as_bytes(), Reading::Compact);
    assert_eq!(vector["base"].as_str().unwrap().as_bytes(), base);
    let headers = vector["headers"].as_object().unwrap().iter();
    let lines: Vec<String> = headers.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())).collect();
    let now = at.0.to_string();
    let mut args = vec!["verify", "webhook", "--now", &now];
    args.extend(lines.iter().flat_map(|line| ["-H", line]));
    let mut verify = mewe_agent(args);
    let said = run(verify.env("MEWE_API_KEY", text(&vector, "api_key")), text(&vector, "body").as_bytes());
    assert_eq!((said.code, said.out.as_str()), (0, "ok\n"), "{said:?}");
    // The key of the application is in neither.
    assert!(!format!("{command}{vector}{}", browser.source()).contains(world.key().expose()));
}

#[test]
fn what_was_fetched_is_brought_up_to_what_was_told_before_it_came() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    world.operator.says(&world.sigrun, &world.family, "once more");
    world.settles();
    let id = world.last_delivery()["deliveryId"].as_i64().unwrap();
    browser.open(&world.at(&world.family, &world.sigrun, ""));
    browser.reads("#live", "Live");
    // The answer to the next click is there, and is held back.
    browser.run(
        "document.addEventListener('htmx:beforeSend', ({ detail: { xhr } }) => {
            const came = xhr.onload;
            xhr.onload = () => { window.__goOn = () => came.call(xhr); };
        }, { once: true })",
    );
    browser.click("#msgs-a .ticks .ok");
    browser.until("it is held back", || browser.run("return typeof window.__goOn === 'function' || null").as_bool());
    let (status, answer) =
        world.operator.call(Method::POST, &format!("/operator/deliveries/{id}/redeliver"), &Value::Null);
    assert_eq!(status, 202, "{answer}");
    until("it is delivered again", || {
        let delivery = world.delivery(id);
        (delivery["attempts"] == 2 && delivery["state"] == "delivered").then_some(())
    });
    // All of that was told to the page, in which there was nothing to show it on.
    let told = "return fetch(location.href).then(answer => answer.text())
        .then(page => Number(after) >= Number(/ data-after=\"(\\d+)\"/.exec(page)[1]) || null)";
    browser.until("it was told", || browser.run(told).as_bool());
    browser.misses("#tries");
    browser.run("window.__goOn()");
    browser.reads("#try-1", "200");
    browser.reads("#try-2", "200");
}

#[test]
fn a_call_that_was_refused_says_why() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    let wrong = ApiKey::new("some other key").unwrap();
    let printed = "{\n  \"text\": \"printed prettily\"\n}".as_bytes();
    assert_eq!(world.calls(b"{\"text\":\"under another key\"}", &wrong, Reading::Compact).0, 401);
    assert_eq!(world.calls(printed, &world.key(), Reading::Raw).0, 401);
    let body = b"{\"text\":\"I said this once\"}";
    let (app, agent): (AppId, AgentId) = (world.app.parse().unwrap(), world.muaddib.parse().unwrap());
    let headers = request::sign(&world.key(), app, agent, now(), body, Reading::Compact);
    let (status, sent) = world.sends(body, &headers);
    assert_eq!(status, 200, "{sent}");
    let (status, refused) = world.sends(body, &headers);
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("replayed")), "{refused}");

    browser.open(&world.at(&world.personal, &world.petur, ""));
    browser.reads("#states", "Refused 3");
    browser.click_on("#states a", "Refused");
    browser.until("three are refused", || (browser.texts("#rows .w").len() == 3).then_some(()));
    browser.reads("#count", "3 fit");
    let row = |words: &str| browser.click_on("#rows .w", words);
    row("under another key");
    browser.reads("#rows .w[aria-current] .st", "401 signature");
    browser.reads("#sheet-state", "Refused");
    browser.reads("#sheet .say", "matches under no reading of the body");
    assert_eq!(browser.texts("#sheet .readings tbody tr").len(), 3);
    assert!(!browser.texts("#sheet .readings tbody tr").iter().any(|row| row.ends_with("matches")));
    browser.reads("#sheet .checks", "signature differs");
    row("printed prettily");
    browser.reads("#sheet .say", "It does match the bytes as they came: this agent signs its JSON as it prints it");
    let readings = browser.texts("#sheet .readings tbody tr");
    let matching: Vec<&String> = readings.iter().filter(|row| row.ends_with("matches")).collect();
    assert!(matches!(matching[..], [raw] if raw.starts_with("raw")), "{readings:?}");
    row("I said this once");
    browser.reads("#rows .w[aria-current] .st", "401 replayed");
    browser.reads("#sheet .say", "this very request was accepted before and became MuadDib’s message of");
    browser.reads("#sheet .checks", "used before");
    browser.click("#its-message");
    let became = text(&sent, "chatMessageId");
    browser.sees(&format!("#m-a-{became}:focus"));

    let calls = world.operator.lists("/operator/calls?limit=4");
    let codes: Vec<&Value> = calls["calls"].as_array().unwrap().iter().map(|call| &call["code"]).collect();
    assert_eq!(json!(codes), json!(["replayed", null, "signature", "signature"]));
    assert_eq!(world.answers(&world.personal, "I said this once"), 1);
}

/// Trouble, made by a person in the page.
struct Trouble<'a> {
    browser: &'a Browser,
    world: &'a World,
}

impl Trouble<'_> {
    /// Turns a switch on, and before that chooses how often, or for how long: by the letters with which that begins.
    fn is_turned_on(&self, kind: &str, choice: &str) {
        if !choice.is_empty() {
            let field = if kind == "delay" { "#for-delay".to_owned() } else { format!("#often-{kind}") };
            self.browser.types(&field, choice);
        }
        self.browser.click(&format!("#sw-{kind}"));
        self.browser.sees(&format!("form.on #sw-{kind}:checked"));
        self.browser.reads("#banner", "Trouble is on");
    }

    fn is_turned_off(&self, kind: &str) {
        self.browser.click(&format!("#sw-{kind}"));
        self.goes_off(kind);
    }

    /// Waits until a switch is off, also by itself.
    fn goes_off(&self, kind: &str) {
        self.browser.sees(&format!("form:not(.on) #sw-{kind}:not(:checked)"));
        self.browser.misses("section.banner");
    }

    /// Pétur asks MuadDib something in the page, and reads the answer there.
    fn is_overcome(&self, word: &str) {
        self.is_met_by(word);
        self.browser.reads(&said_by(&self.world.muaddib), word);
        self.world.settles();
    }

    fn is_met_by(&self, word: &str) {
        self.browser.types("#text-a", &format!("catch up {word}\n"));
        self.browser.reads("#msgs-a .mine .text", word);
    }

    /// The delivery of what Pétur said last.
    fn delivery(&self) -> Value {
        self.world.last_delivery()
    }

    /// The newest calls of MuadDib: what they sent, their status, and what was done to them.
    fn calls(&self, count: usize) -> Vec<(String, u64, String)> {
        let list = self.world.operator.lists(&format!("/operator/calls?limit={count}"));
        let rows = list["calls"].as_array().unwrap().iter();
        let row = |call: &Value| (text(call, "verb"), call["status"].as_u64().unwrap(), marks(call));
        rows.map(row).collect()
    }
}

/// What was done on purpose to a delivery, an attempt or a call.
fn marks(of: &Value) -> String {
    let names = of["trouble"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

/// What became of the attempts of a delivery, and what was done to them, in their order.
fn statuses(delivery: &Value) -> Vec<(u64, String)> {
    let log = delivery["attemptLog"].as_array().unwrap().iter();
    log.map(|attempt| (attempt["status"].as_u64().unwrap(), marks(attempt))).collect()
}

#[test]
fn trouble_on_the_way_to_the_agent_is_made_in_the_page_and_overcome() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    let trouble = Trouble { browser: &browser, world: &world };
    browser.open(&world.at(&world.personal, &world.petur, ""));
    browser.click("#to-trouble");

    trouble.is_turned_on("deliver_twice", "");
    trouble.is_overcome("twice");
    let twice = until("it was delivered twice", || Some(trouble.delivery()).filter(|d| statuses(d).len() == 2));
    assert_eq!(statuses(&twice), [(200, String::new()), (200, "deliver_twice".into())]);
    browser.reads("#d-deliver_twice", "1 so far");
    trouble.is_turned_off("deliver_twice");

    trouble.is_turned_on("drop_answer", "the n");
    trouble.is_overcome("dropped");
    assert_eq!(statuses(&trouble.delivery()), [(200, "drop_answer".into()), (200, String::new())]);
    trouble.goes_off("drop_answer");

    for kind in ["wrong_signature", "stale_timestamp"] {
        trouble.is_turned_on(kind, "the n");
        trouble.is_overcome(kind);
        assert_eq!(statuses(&trouble.delivery()), [(401, kind.into()), (200, String::new())]);
        trouble.goes_off(kind);
    }

    trouble.is_turned_on("delay", "2");
    trouble.is_overcome("late");
    let late = trouble.delivery();
    let at = |value: &Value, field: &str| text(value, field).parse::<jiff::Timestamp>().unwrap();
    let waited = at(&late["attemptLog"][0], "at").duration_since(at(&late, "createdAt"));
    assert!(waited.as_millis() >= 1900 && marks(&late) == "delay", "{waited}: {late}");
    trouble.is_turned_off("delay");

    trouble.is_turned_on("reorder", "the n");
    trouble.is_met_by("first");
    trouble.is_met_by("second");
    browser.reads(&said_by(&world.muaddib), "first");
    world.settles();
    let second = trouble.delivery();
    let first = world.delivery(second["deliveryId"].as_i64().unwrap() - 1);
    assert!(at(&second["attemptLog"][0], "at") < at(&first["attemptLog"][0], "at"), "{first} {second}");
    assert_eq!((marks(&first), &first["attempts"]), ("reorder".into(), &json!(1)));
    trouble.goes_off("reorder");

    browser.click("#sw-pause");
    browser.sees("form.on #sw-pause:checked");
    browser.reads("#agents", "paused");
    trouble.is_met_by("paused");
    browser.reads("#agents", "paused, 1");
    let waiting = trouble.delivery();
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("waiting"), &json!(0)));
    browser.click("#sw-pause");
    browser.reads(&said_by(&world.muaddib), "paused");
    browser.reads("#agents", "healthy");

    // All is off; what was touched is marked for ever, and was answered once.
    trouble.is_overcome("end");
    browser.click("#to-wire");
    let marked = |kind: &str| {
        let words = kind.replace('_', " ");
        browser.reads("#sheet-state", &words);
    };
    for (word, kind) in [
        ("twice", "deliver_twice"),
        ("dropped", "drop_answer"),
        ("wrong_signature", "wrong_signature"),
        ("stale_timestamp", "stale_timestamp"),
        ("late", "delay"),
        ("first", "reorder"),
    ] {
        let row = format!("catch up {word}");
        browser.click_on("#rows .w:has(.bolt)", &row);
        marked(kind);
        assert_eq!(world.answers(&world.personal, word), 1, "{word}");
    }
    assert!(!browser.texts("#rows .w:has(.bolt)").iter().any(|row| row.contains("catch up end")));
    assert_eq!(world.answers(&world.personal, "second"), 1);
    assert_eq!(world.answers(&world.personal, "paused"), 1);
}

#[test]
fn trouble_at_the_api_is_made_in_the_page_and_overcome() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    let trouble = Trouble { browser: &browser, world: &world };
    browser.open(&world.at(&world.personal, &world.petur, "&pane=trouble"));
    for (kind, calls) in [
        // What may have been stored is looked for before it is sent again, if it is.
        ("answer_500", &[("send", 200, ""), ("read", 200, ""), ("send", 500, "answer_500")][..]),
        ("answer_420", &[("send", 200, ""), ("send", 420, "answer_420")]),
        ("lose_answer", &[("read", 200, ""), ("send", 200, "lose_answer")]),
    ] {
        trouble.is_turned_on(kind, "the n");
        trouble.is_overcome(kind);
        let calls: Vec<_> =
            calls.iter().map(|(verb, status, marks)| ((*verb).to_owned(), *status, (*marks).to_owned())).collect();
        until("the calls are noted", || (trouble.calls(calls.len()) == calls).then_some(()));
        trouble.goes_off(kind);
        browser.reads(&format!("#d-{kind}"), "1 so far");
    }
    trouble.is_overcome("end");
    for word in ["answer_500", "answer_420", "lose_answer"] {
        assert_eq!(world.answers(&world.personal, word), 1, "{word}");
    }

    let body = b"{\"text\":\"Once more\"}";
    let (app, agent): (AppId, AgentId) = (world.app.parse().unwrap(), world.muaddib.parse().unwrap());
    let headers = request::sign(&world.key(), app, agent, now(), body, Reading::Compact);
    assert_eq!(world.sends(body, &headers).0, 200);
    assert_eq!(world.sends(body, &headers).0, 401);
    trouble.is_turned_on("forget_replays", "");
    assert_eq!(world.sends(body, &headers).0, 200);
    assert_eq!(world.answers(&world.personal, "Once more"), 2);
    browser.until("the page has both", || {
        let said = browser.texts(&said_by(&world.muaddib));
        (said.iter().filter(|text| *text == "Once more").count() == 2).then_some(())
    });

    // On every page it is said that it is on, and everywhere it can be turned off.
    trouble.is_turned_on("deliver_twice", "every 3");
    browser.reads("#to-trouble", "Trouble · 2 on");
    let plan = world.operator.lists(&format!("/operator/agents/{}/trouble", world.muaddib));
    assert_eq!(plan["switches"][0]["every"], 3, "as it was chosen before it was turned on");
    for path in ["/", "/apps", &format!("/apps/{}", world.app), "/search?q=once", "/keys"] {
        browser.open(&format!("{}{path}", world.dev.url));
        let banner = browser.reads("#banner", "Trouble is on");
        assert!(banner.contains("MuadDib: deliver twice, forget replays"), "{path}: {banner}");
    }
    browser.click_on("#banner a", "Show them");
    browser.sees("#sw-forget_replays:checked");
    browser.open(&format!("{}/apps", world.dev.url));
    browser.click("#all-off button");
    browser.misses("section.banner");
    assert_eq!(browser.address(), format!("{}/apps", world.dev.url));
    assert_eq!(world.operator.lists("/operator/trouble")["trouble"], json!([]));
    assert_eq!(world.sends(body, &headers).0, 401);

    // Marked for ever: the rows of the wire, and what they tell when they are open.
    browser.open(&world.at(&world.personal, &world.petur, ""));
    for (words, status) in [
        ("answer_500", "500 internal"),
        ("answer_420", "420 rate_limited"),
        ("lose_answer", "200"),
        ("forget_replays", "200"),
    ] {
        let sought = if words == "forget_replays" { "Once more" } else { words };
        browser.click_on("#rows .w:has(.bolt)", sought);
        browser.reads("#rows .w[aria-current]:has(.bolt) .st", status);
        browser.reads("#sheet-state", &words.replace('_', " "));
    }
}

#[test]
fn a_page_outlives_the_death_of_its_host_and_misses_nothing() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let address = lasting_address();
    let args = ["host", "--listen", &address, "--data-dir", dir.path().to_str().unwrap()];
    let starts = |kill_at: &str| Server::start(mewe_agent(args).env("MEWE_KILL_AT", kill_at));
    let mut host = starts("host.message.after-commit:4");
    let operator = host.operator(dir.path());
    let (petur, sigrun) = (operator.person("Pétur", "Jureksson"), operator.person("Sigrún", "Guðmundsdóttir"));
    let family = operator.thread("Family", &[&petur, &sigrun]);
    browser.open(&format!("{}/t/{family}?as={petur}", host.url));
    browser.reads("#live", "Live");
    browser.run("window.__same = 1");
    browser.types("#text-a", "half a th");
    let dies = |host: &mut Server| {
        let died = browser.until("it is dead", || host.died());
        assert_eq!(died.status.signal(), Some(9), "{died:?}");
        browser.reads("#live", "Reconnecting");
        browser.reads("#notice", "The host is not answering");
        browser.sees("#foot-a .send:disabled");
    };
    let is_back = || {
        browser.reads("#live", "Live");
        browser.misses("#notice");
        browser.sees("#foot-a .send:enabled");
    };
    let says = |text: &str| {
        let path = format!("/operator/threads/{family}/messages");
        operator.try_call(Method::POST, &path, &json!({ "userId": sigrun, "text": text })).is_ok()
    };

    // The fourth is stored, and nobody is told.
    assert_eq!(["one", "two", "three", "four"].map(says), [true, true, true, false]);
    dies(&mut host);
    assert_eq!(browser.value("#text-a"), "half a th");
    browser.types("#text-a", "ought\n");
    assert_eq!(browser.value("#text-a"), "half a thought", "nothing is sent to nobody");
    let mut host = starts("host.message.before-commit:2");
    is_back();
    assert!(says("five"));
    browser.reads("#msgs-a", "five");
    assert_eq!(browser.texts("#msgs-a .msg .text"), ["one", "two", "three", "four", "five"]);

    // Pétur's own message is what it dies of, this time before it was stored.
    browser.types("#text-a", "\n");
    browser.reads("#foot-a .note", "Not sent: the host is not answering. Your text stays here.");
    dies(&mut host);
    assert_eq!(browser.value("#text-a"), "half a thought");
    let _host = starts("");
    is_back();
    browser.types("#text-a", "\n");
    browser.reads("#msgs-a .mine .text", "half a thought");
    let all = ["one", "two", "three", "four", "five", "half a thought"];
    assert_eq!(browser.texts("#msgs-a .msg .text"), all);
    assert_eq!(operator.texts(&family), all);
    assert_eq!(browser.run("return window.__same"), 1, "without being loaded again");
    // Of the one that was not answered htmx speaks, too.
    let complaints = browser.log().into_iter().filter(Line::is_complaint);
    let others: Vec<_> = complaints.filter(|line| !line.message.contains("\"htmx:")).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn without_script_everything_is_links_and_forms() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    for n in 1..=60 {
        world.operator.says(&world.petur, &world.work, &format!("number {n}"));
    }
    world.settles();
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.open(&world.at(&world.family, &world.sigrun, ""));
    assert_eq!(browser.run("return typeof htmx"), "undefined");

    browser.types("#text-a", "@MuadDib are you there?");
    browser.click("#foot-a .send");
    browser.reads("#msgs-a .mine .text", "are you there?");
    browser.reads("#msgs-a .mine .text .at", "@MuadDib");
    world.hears(&world.family, "Pétur");
    world.settles();
    browser.reload();
    browser.reads(&said_by(&world.muaddib), "Pétur");
    assert_eq!(browser.value("#text-a"), "");

    browser.click("#msgs-a .mine .ticks a");
    browser.reads("#sheet-state", "Delivered");
    browser.click("#show");
    browser.reads("#show", "Mask signature");
    browser.click("#payload a.raw");
    browser.reads("#payload pre", "{\"threadId\"");
    browser.click("#redeliver button");
    // Nobody tells this page what happens.
    browser.until("the second attempt is shown", || {
        browser.reload();
        browser.texts("#try-2").iter().any(|attempt| attempt.contains("200")).then_some(())
    });
    browser.click("#curl button");
    browser.reads("pre", "curl -X POST");
    browser.back();
    browser.click("#close");
    browser.misses(".sheet");

    browser.types("#q", "event:chat_mention\n");
    browser.reads(".tok", "chat_mention");
    assert_eq!(browser.texts("#rows .w").len(), 1);
    browser.types("#q", "nowhere\n");
    browser.reads("#wire .nothing", "Nothing matches event:chat_mention nowhere");
    browser.click("#clear");
    browser.misses(".tok");

    browser.click(&format!("#as-{}", world.petur));
    browser.sees(&format!("#foot-a[data-as='{}']", world.petur));
    browser.click(&format!("#thread-{}", world.work));
    browser.reads("#msgs-a .text", "number 60");
    assert_eq!(browser.texts("#msgs-a .text").len(), 50);
    browser.click("#msgs-a .older a");
    browser.reads("#msgs-a .text", "number 1");
    assert_eq!(browser.texts("#msgs-a .text").len(), 10);

    browser.click("#to-trouble");
    browser.types("#often-drop_answer", "the n");
    browser.click("#sw-drop_answer");
    browser.click("form:has(#sw-drop_answer) button");
    browser.reads("#banner", "Trouble is on");
    let plan = world.operator.lists(&format!("/operator/agents/{}/trouble", world.muaddib));
    assert_eq!((&plan["switches"][3]["kind"], &plan["switches"][3]["next"]), (&json!("drop_answer"), &json!(true)));
    browser.click("#all-off button");
    browser.misses("section.banner");
    browser.click("#help");
    browser.reads("h1", "Keyboard");
}

#[test]
fn everything_is_done_by_keys_alone() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    browser.open(&world.at(&world.personal, &world.petur, ""));

    // Write, with a line break, and take the last text back.
    browser.press("c");
    browser.is_on("#text-a");
    browser.writes("two");
    browser.press("Shift+Enter");
    browser.writes("lines");
    browser.press("Enter");
    browser.reads("#msgs-a .mine .text", "two\nlines");
    browser.is_on("#text-a");
    browser.press("ArrowUp");
    assert_eq!(browser.value("#text-a"), "two\nlines");
    browser.press("Ctrl+a");
    browser.press("Delete");

    // Letters are letters here.
    let letters = "gwctjkfmpryvxs/?\\T1";
    browser.writes(letters);
    assert_eq!(browser.value("#text-a"), letters);
    assert_eq!(browser.address(), world.at(&world.personal, &world.petur, ""));
    assert_eq!(browser.run("return document.querySelector('#keys').open"), false);
    browser.press("Ctrl+a");
    browser.press("Delete");

    // Another speaker while writing, whose draft is another one; another thread.
    browser.writes("his draft");
    browser.press("Ctrl+.");
    browser.sees(&format!("#foot-a[data-as='{}']", world.sigrun));
    browser.press("Alt+ArrowDown");
    browser.reads("#head-a h2", "Family");
    browser.press("Alt+ArrowDown");
    browser.reads("#head-a h2", "Work");
    browser.press("Alt+ArrowUp");
    browser.reads("#head-a h2", "Family");
    browser.press("Escape");
    browser.press("1");
    browser.sees(&format!("#foot-a[data-as='{}']", world.petur));
    browser.press("2");
    browser.sees(&format!("#foot-a[data-as='{}']", world.sigrun));

    // A mention.
    browser.press("c");
    browser.is_on("#text-a");
    browser.writes("@");
    browser.sees("#ats-a li + li");
    browser.press("ArrowDown");
    browser.writes("Mu");
    browser.reads("#ats-a li[aria-selected=true]", "MuadDib");
    browser.press("Tab");
    assert_eq!(browser.value("#text-a"), "@MuadDib ");
    browser.writes("hello");
    browser.press("Enter");
    browser.reads("#msgs-a .mine .text .at", "@MuadDib");
    browser.reads(&said_by(&world.muaddib), "Pétur");
    world.settles();
    assert_eq!(world.operator.said_by(&world.sigrun, &world.family), [world.to_muaddib("hello")]);

    browser.writes("her draft");
    browser.press("Ctrl+.");
    browser.sees(&format!("#foot-a[data-as='{}']", world.petur));
    browser.is_on("#text-a");
    assert_eq!(browser.value("#text-a"), "");
    browser.press("Ctrl+.");
    browser.sees(&format!("#foot-a[data-as='{}']", world.sigrun));
    browser.until("her draft is there again", || (browser.value("#text-a") == "her draft").then_some(()));
    browser.press("Escape");

    // The wire, and a delivery.
    browser.writes("gw");
    browser.is_on("#rows li:last-child .w");
    browser.press("k");
    browser.press("k");
    browser.is_on("#rows li:nth-last-child(3) .w");
    browser.press("j");
    browser.is_on("#rows li:nth-last-child(2) .w");
    browser.press("f");
    browser.is_on("#q");
    browser.writes("event:chat_mention");
    browser.press("Enter");
    browser.reads(".tok", "chat_mention");
    browser.until("one fits", || (browser.texts("#rows .w").len() == 1).then_some(()));
    browser.press("Escape");
    browser.writes("gw");
    browser.is_on("#rows .w");
    browser.press("Enter");
    browser.reads("#sheet-state", "Delivered");
    browser.is_on("#rows .w");
    browser.press("s");
    browser.reads("#show", "Mask");
    browser.press("x");
    browser.sees("#payload a.raw[aria-current]");
    browser.press("r");
    browser.reads("#try-2", "200");
    browser.watches_the_clipboard();
    browser.press("y");
    assert!(browser.copied().starts_with("curl "));
    browser.press("v");
    assert!(browser.copied().starts_with('{'));
    browser.press("m");
    browser.sees("#msgs-a .msg.tied:focus");
    browser.press("Escape");
    browser.misses(".sheet");
    browser.press("Escape");
    browser.misses(".tok");
    assert!(browser.texts("#rows .w").len() > 1);
    browser.press("p");
    browser.sees("#pause[aria-pressed=true]");
    browser.press("p");
    browser.sees("#pause[aria-pressed=false]");

    // Trouble.
    browser.press("t");
    browser.sees("#sw-deliver_twice");
    browser.is_on("#to-trouble");
    // Past the agent and the seed.
    for _ in 0..4 {
        browser.press("Tab");
    }
    browser.is_on("#sw-deliver_twice");
    browser.press("Space");
    browser.reads("#banner", "deliver twice");
    browser.is_on("#sw-deliver_twice");
    browser.press("Shift+T");
    browser.misses("section.banner");
    assert_eq!(world.operator.lists("/operator/trouble")["trouble"], json!([]));

    // Two panes, the list of keys, a search.
    browser.press("\\");
    browser.sees("#chat-b");
    browser.press("\\");
    browser.misses("#chat-b");
    browser.press("?");
    browser.reads("#keys[open]", "Split pane");
    browser.press("Escape");
    browser.misses("#keys[open]");
    browser.press("/");
    browser.is_on("#find");
    browser.writes("hello");
    browser.press("Enter");
    browser.reads("main", "MuadDib hello");
    browser.press("Ctrl+k");
    browser.is_on("#find");

    // Whoever wants no single letters turns them off.
    browser.open(&world.at(&world.family, &world.sigrun, ""));
    browser.press("?");
    browser.sees("#keys[open]");
    browser.press("Tab");
    browser.is_on("#keys .letters button");
    browser.press("Enter");
    browser.until("they are off", || {
        browser
            .run("return document.querySelector('#keys:not([open])')?.dataset.letters === 'off'")
            .as_bool()
            .filter(|off| *off)
    });
    let before = browser.address();
    for key in "ctjkfgw1/?\\".chars() {
        browser.press(&key.to_string());
    }
    browser.press("Shift+T");
    assert_eq!(browser.run("return document.activeElement.tagName"), "BODY");
    assert_eq!(browser.run("return document.querySelector('#keys').open"), false);
    assert_eq!(browser.address(), before);
    browser.press("Ctrl+k");
    browser.is_on("#find");
}

#[test]
fn people_and_threads_come_and_go_before_the_eyes_of_others() {
    let Some([his, hers]) = Browser::two() else { return };
    let world = World::new();
    his.open(&world.at(&world.family, &world.petur, ""));
    hers.open(&world.at(&world.family, &world.sigrun, ""));

    his.click("#rail summary[aria-label='New person']");
    his.types("#first", "Thor\n");
    his.reads("#people li:nth-child(3)", "Thor");
    let thor = text(&world.operator.row("users", "name", "Thor"), "userId");
    let manages = || his.click("#head-a summary");
    manages();
    his.click_on("#head-a form[action$='/people'] button", "Add");
    hers.reads("#head-a summary", "4");
    let people = || {
        let thread = world.operator.row("threads", "threadId", &world.family);
        thread["participants"].as_array().unwrap().clone()
    };
    assert!(people().contains(&json!(thor)));
    manages();
    his.click("#head-a button[aria-label='Remove Thor']");
    hers.reads("#head-a summary", "3");
    assert!(!people().contains(&json!(thor)));
    manages();
    his.click("#head-a button[aria-label='Remove MuadDib']");
    hers.reads("#head-a summary", "2");
    assert!(!people().contains(&json!(world.muaddib)));
    hers.click("#head-a summary");
    manages();
    his.click_on("#head-a form[action$='/agents'] button", "Add");
    hers.reads("#head-a .menu li", "MuadDib");
    assert!(people().contains(&json!(world.muaddib)));

    his.click("#rail summary[aria-label='New thread']");
    his.types("#thread-name", "Garden");
    his.click_on("#rail form[action='/threads'] label", "Sigrún");
    his.click_on("#rail form[action='/threads'] label", "Thor");
    his.click_on("#rail form[action='/threads'] button", "Create");
    his.reads("#head-a h2", "Garden");
    let garden = text(&world.operator.row("threads", "name", "Garden"), "threadId");
    hers.reads(&format!("#thread-{garden}"), "Garden");
    his.types("#text-a", "Spring is here\n");
    hers.reads(&format!("#thread-{garden} .count"), "1");
    hers.click(&format!("#thread-{garden}"));
    hers.reads(&said_by(&world.petur), "Spring is here");
    his.click(&format!("#as-{thor}"));
    his.sees(&format!("#foot-a[data-as='{thor}']"));
    his.types("#text-a", "Indeed\n");
    hers.reads(&said_by(&thor), "Indeed");
}

#[test]
fn an_application_is_registered_used_and_deleted() {
    let Some(browser) = Browser::start() else { return };
    let world = World::new();
    let agent_at = lasting_address();
    browser.open(&format!("{}/apps", world.dev.url));
    browser.types("#app-name", "Gardener");
    browser.click("#app-webhook");
    browser.press("Ctrl+a");
    browser.types("#app-webhook", &format!("http://{agent_at}/webhook\n"));
    let key = browser.reads("#key", "");
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    let app = text(&world.operator.row("apps", "name", "Gardener"), "appId");
    let environment = browser.reads("#env", "MEWE_API_KEY=");
    assert_eq!(environment, format!("MEWE_HOST={}\nMEWE_APP_ID={app}\nMEWE_API_KEY={key}", world.dev.url));
    browser.click_on("main a.btn", "I have saved it");
    browser.reads("h1", "Gardener");
    assert!(browser.address().ends_with(&format!("/apps/{app}")));
    assert!(!browser.source().contains(&key));
    browser.reload();
    assert!(!browser.source().contains(&key));

    let data = world.dir.path().join("gardener");
    let _agent = runs(&agent_at, &data, &environment);
    browser.reads("#app-state", "No agent yet");
    browser.types("#owner", "Sig");
    browser.click_on("form[action$='/agents'] button", "Add");
    browser.reads("#app-agents", "Sigrún Guðmundsdóttir");
    browser.reads("#app-state", "Healthy");
    browser.reads("#health", "Delivered");
    let gardener = world.operator.row("agents", "agentName", "Gardener");
    let personal = text(&gardener, "personalChatThreadId");
    browser.click_on("main a.btn", "Open in chat");
    browser.reads(&said_by(&text(&gardener, "agentId")), "Hello, Sigrún!");
    assert!(browser.address().contains(&personal));

    browser.click_on("#agents a", "Gardener");
    browser.click_on("form[action$='/test'] button", "Send, signed");
    browser.reads("#sheet-state", "test event");
    browser.reads("#try-1", "200");
    browser.open(&format!("{}/apps/{app}", world.dev.url));
    browser.click_on("details", "Delete the application");
    browser.reads("#deletes", "Unregisters 1 agent; no delivery waits");
    browser.click_on("form[action$='/delete'] button", "Delete Gardener");
    browser.reads("#apps", "MuadDib");
    assert!(!browser.reads("#apps", "").contains("Gardener"));
    let apps = world.operator.lists("/operator/apps");
    assert_eq!(apps["apps"].as_array().unwrap().len(), 1, "{apps}");
}

/// `mewe-agent run` with the lines that a page shows.
fn runs(at: &str, data: &Path, environment: &str) -> Server {
    let mut command = mewe_agent(["run", "--listen", at, "--data-dir", data.to_str().unwrap()]);
    command.envs(environment.lines().map(|line| line.split_once('=').unwrap()));
    Server::start(&mut command)
}

#[test]
fn the_first_steps_tick_themselves_until_an_agent_answers() {
    let Some([his, other]) = Browser::two() else { return };
    let dir = tempfile::tempdir().unwrap();
    let host = Server::host(&dir.path().join("host"));
    let agent_at = lasting_address();
    his.open(&host.url);
    his.reads(".step.now", "Register an application");
    his.reads("#wire .legend", "Every webhook and API call will appear here");
    his.click("#app-webhook");
    his.press("Ctrl+a");
    his.types("#app-webhook", &format!("http://{agent_at}/webhook\n"));
    his.reads(".step.done", "Application registered");
    his.reads(".step.now", "Start your agent with these");
    let environment = his.reads("#env", "MEWE_API_KEY=");
    let run = his.reads("#run", "mewe-agent run");
    assert_eq!(run, format!("mewe-agent run --listen {agent_at}"));
    other.open(&host.url);
    other.reads("#heard", "Nothing was sent to");
    assert!(!other.source().contains(environment.rsplit_once('=').unwrap().1), "the key is shown once");

    his.click("#demo");
    his.reads("#head-a h2", "Family");
    other.reads(".step.done", "In a chat");
    other.reads("#heard", "nothing listens on");
    let _agent = runs(&agent_at, &dir.path().join("agent"), &environment);
    other.reads(".step.done", "Agent started");
    other.until("all three are done", || (other.texts(".step.done").len() == 3).then_some(()));
    his.click_on("#threads a", "MuadDib");
    his.reads("#msgs-a .msg .text", "Hello, Pétur!");
    his.types("#text-a", "help\n");
    his.reads("#msgs-a .mine ~ .msg .text", "catch up: what is new");
    other.click("#to-chat");
    other.reads("#msgs-a .mine ~ .msg .text", "catch up: what is new");
}

#[test]
fn where_others_can_come_the_token_opens_the_page_and_logging_out_closes_all_of_it() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let token = "a-token-of-our-own";
    let args = ["host", "--public", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let host = Server::start(mewe_agent(args).env("MEWE_OPERATOR_TOKEN", token));
    let operator = Operator::new(&host.url, token);
    let (petur, sigrun) = (operator.person("Pétur", "Jureksson"), operator.person("Sigrún", "Guðmundsdóttir"));
    let family = operator.thread("Family", &[&petur, &sigrun]);
    let page = format!("{}/t/{family}?as={petur}", host.url);
    browser.open(&page);
    browser.reads("h1", "Log in");
    browser.types("#token", "a-wrong-token\n");
    browser.reads("#refused", "That is not the operator token.");
    browser.types("#token", &format!("{token}\n"));
    browser.reads("#head-a h2", "Family");
    assert_eq!(browser.address(), page, "where one wanted to go");
    browser.types("#text-a", "Hello\n");
    browser.reads("#msgs-a .mine .text", "Hello");
    operator.says(&sigrun, &family, "Hello, Pétur");
    browser.reads(&said_by(&sigrun), "Hello, Pétur");
    assert_eq!(operator.texts(&family), ["Hello", "Hello, Pétur"]);
    browser.click("#to-trouble");
    browser.reads("#wire", "On a public host nothing is made to go wrong");

    let first = browser.opens_window();
    browser.open(&page);
    browser.reads("#live", "Live");
    operator.says(&sigrun, &family, "And again");
    browser.reads(&said_by(&sigrun), "And again");
    let second = browser.opens_window();
    browser.looks_into(&first);
    browser.click_on("form[action='/logout'] button", "Log out");
    browser.reads("h1", "Log in");
    browser.looks_into(&second);
    browser.reads("h1", "Log in");
    operator.says(&sigrun, &family, "nobody is here");
    assert!(!browser.source().contains("nobody is here"));
    browser.types("#token", &format!("{token}\n"));
    browser.reads("#msgs-a .msg .text", "nobody is here");
    assert_eq!(browser.address(), page);
}
