//! A real browser, told what to do by WebDriver: each command one request to Debian's chromedriver.
//!
//! No crate for that. A dozen commands are needed, each a line below; fantoccini would bring 31 crates, second versions of
//! ours among them, and thirtyfour 15 and `preserve_order` of serde_json, which would change the JSON code that these very
//! tests judge.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use mewe_protocol::json;
use mewe_runtime::{
    clock::{Clock, SystemClock, later},
    transport::{HttpTransport, Limits, Transport},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What WebDriver calls the one field of a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Where pictures and what is brought for the tests lie.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
/// Nothing that is waited for takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Chromium with a profile, a driver and processes of its own, all of which go when it goes out of scope.
///
/// It goes with a look at what its pages complained of: a test whose pages broke their Content-Security-Policy or threw
/// an error that nobody caught fails, unless it took the log.
pub(crate) struct Browser {
    /// Where the driver takes commands for this browser.
    url: String,
    http: HttpTransport,
    runtime: tokio::runtime::Runtime,
    driver: Child,
    // Kept open: the driver may have more to say.
    _out: BufReader<ChildStdout>,
    dir: TempDir,
    _seat: Seat,
}

/// A line of a page's console, or the browser's own word about a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub(crate) level: String,
    /// `security`, `javascript`, `network`, `console-api`, and others.
    pub(crate) source: String,
    pub(crate) message: String,
}

impl Line {
    /// Whether a page did something wrong. That a host does not answer is not the page's fault.
    pub(crate) fn is_complaint(&self) -> bool {
        self.level == "SEVERE" && self.source != "network"
    }
}

/// What the driver says of a command that it did not carry out.
#[derive(Debug)]
struct Refusal {
    error: String,
    message: String,
}

impl Refusal {
    /// Whether the page changed just then: to be tried again.
    fn is_of_the_moment(&self) -> bool {
        let errors = ["stale element reference", "element click intercepted", "element not interactable"];
        errors.contains(&self.error.as_str()) || ["navigation", "context"].iter().any(|why| self.message.contains(why))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error, self.message)
    }
}

impl Browser {
    /// A fresh browser; none where the tests were told to go on without.
    pub(crate) fn start() -> Option<Self> {
        let [browser] = Self::start_all()?;
        Some(browser)
    }

    /// Two browsers, for two people.
    pub(crate) fn two() -> Option<[Self; 2]> {
        Self::start_all()
    }

    fn start_all<const N: usize>() -> Option<[Self; N]> {
        if is_waived("browser") {
            return None;
        }
        Some(Seat::take().map(Self::start_on))
    }

    fn start_on(seat: Seat) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        // What the two would leave in the home of whoever runs the tests goes with the directory.
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", dir.path())
            .env("TMPDIR", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver =
            driver.unwrap_or_else(|error| panic!("chromedriver does not start: {error}; {}", remedy("browser")));
        let mut out = BufReader::new(driver.stdout.take().expect("it is piped"));
        let mut printed = String::new();
        let port = loop {
            let read = out.read_line(&mut printed).expect("it prints text");
            assert!(read > 0, "chromedriver ended: {printed}");
            let told = printed.lines().find_map(|line| line.split_once("successfully on port ")?.1.strip_suffix('.'));
            if let Some(port) = told {
                break port.to_owned();
            }
        };
        let mut browser = Self {
            url: format!("http://127.0.0.1:{port}/session"),
            http: HttpTransport::new(Arc::new(SystemClock)).expect("TLS can be set up"),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            driver,
            _out: out,
            dir,
            _seat: seat,
        };
        let profile = browser.dir.path().join("profile");
        let args = [
            "--headless",
            // Tests may run as root, and the pages are ours.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // By a pipe that closes with the driver, however that ends: no browser is left behind.
            "--remote-debugging-pipe",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "pageLoad": PATIENCE.as_secs() * 1000 },
        } } });
        let made = browser.tell(Method::POST, "", &wanted);
        browser.url = format!("{}/{}", browser.url, made["sessionId"].as_str().expect("it has an id"));
        // Not with whatever page Chromium begins.
        browser.open("about:blank");
        browser.log();
        browser.resize(1440, 900);
        browser
    }

    /// Goes to `url` and waits until it has loaded.
    pub(crate) fn open(&self, url: &str) {
        self.tell(Method::POST, "/url", &json!({ "url": url }));
    }

    /// Loads the page again.
    pub(crate) fn reload(&self) {
        self.tell(Method::POST, "/refresh", &json!({}));
    }

    /// Goes back to where it was before.
    pub(crate) fn back(&self) {
        self.tell(Method::POST, "/back", &json!({}));
    }

    /// Opens another window and looks into it from now on; the one before stays as it is, and is returned.
    pub(crate) fn opens_window(&self) -> String {
        let before = self.tell(Method::GET, "/window", &Value::Null).as_str().expect("a handle").to_owned();
        let new = self.tell(Method::POST, "/window/new", &json!({ "type": "window" }));
        self.looks_into(new["handle"].as_str().expect("a handle"));
        before
    }

    /// Looks into another window from now on.
    pub(crate) fn looks_into(&self, window: &str) {
        self.tell(Method::POST, "/window", &json!({ "handle": window }));
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.tell(Method::GET, "/url", &Value::Null).as_str().expect("an address").to_owned()
    }

    /// Runs the body of a function in the page, whatever the page's policy allows; what it returns, or the promise that
    /// it returns comes to.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &json!([]))
    }

    /// The same, with what the body finds in `arguments`.
    pub(crate) fn run_with(&self, script: &str, arguments: &Value) -> Value {
        self.try_run(script, arguments).unwrap_or_else(|refusal| self.fails(&refusal.to_string()))
    }

    /// A command of Chromium's own, of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.tell(Method::POST, "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Waits until `look` finds something; a test that waits in vain fails with what the page shows.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = later(SystemClock.now(), PATIENCE);
        while SystemClock.now() < end {
            if let Some(found) = look() {
                return found;
            }
            self.runtime.block_on(async { SystemClock.sleep(BETWEEN_LOOKS).await });
        }
        self.fails(&format!("waited in vain: {what}"))
    }

    /// Waits until something that matches `css` is visible.
    pub(crate) fn sees(&self, css: &str) {
        self.reads(css, "");
    }

    /// Waits until something visible that matches `css` has `words` in its text, which is returned.
    pub(crate) fn reads(&self, css: &str, words: &str) -> String {
        let look = || self.find(css, words, Some("innerText"))?.as_str().map(str::to_owned);
        self.until(&format!("`{css}` with {words:?}"), look)
    }

    /// Waits until nothing that matches `css` is visible.
    pub(crate) fn misses(&self, css: &str) {
        self.until(&format!("no `{css}`"), || self.find(css, "", Some("tagName"))?.is_null().then_some(()));
    }

    /// Clicks what matches `css`, once it is there.
    pub(crate) fn click(&self, css: &str) {
        self.click_on(css, "");
    }

    /// Clicks what matches `css` and has `words` in its text, once it is there.
    pub(crate) fn click_on(&self, css: &str, words: &str) {
        self.with_element(css, words, "click", &json!({}));
    }

    /// Types `text` into what matches `css`, key by key, behind what is there; a line break is Enter.
    pub(crate) fn types(&self, css: &str, text: &str) {
        self.with_element(css, "", "value", &json!({ "text": text }));
    }

    /// Puts `text` where the caret is, in one go and as it is: what keys cannot write, too.
    pub(crate) fn inserts(&self, text: &str) {
        self.devtools("Input.insertText", &json!({ "text": text }));
    }

    /// Presses and releases keys together, wherever the focus is: `j`, `?`, `Enter`, `Alt+ArrowDown`, `Ctrl+Shift+k`.
    pub(crate) fn press(&self, chord: &str) {
        let keys: Vec<&str> = if chord == "+" { vec!["+"] } else { chord.split('+').map(key).collect() };
        let down = keys.iter().map(|key| json!({ "type": "keyDown", "value": key }));
        let up = keys.iter().rev().map(|key| json!({ "type": "keyUp", "value": key }));
        let actions: Vec<Value> = down.chain(up).collect();
        self.tell(
            Method::POST,
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }),
        );
    }

    /// Makes the page exactly so large, smaller than a window can be too.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Has the person prefer something, such as (`prefers-color-scheme`, `dark`); what is not named is as on any machine.
    pub(crate) fn prefers(&self, features: &[(&str, &str)]) {
        let features = features.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        let features: Vec<Value> = features.collect();
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Keeps what is visible as `target/screenshots/{name}.png`.
    pub(crate) fn screenshot(&self, name: &str) -> PathBuf {
        let picture = self.tell(Method::GET, "/screenshot", &Value::Null);
        let dir = PathBuf::from(TARGET).join("screenshots");
        fs::create_dir_all(&dir).expect("a directory can be made");
        let file = dir.join(format!("{name}.png"));
        fs::write(&file, base64(picture.as_str().expect("a picture"))).expect("it can be written");
        file
    }

    /// What was logged since the last look. Whoever takes it judges it.
    pub(crate) fn log(&self) -> Vec<Line> {
        self.try_log().unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// What axe-core finds wrong with the page as it is, a paragraph each; nothing where the tests go on without it.
    pub(crate) fn faults(&self) -> Vec<String> {
        if is_waived("axe") {
            return Vec::new();
        }
        if self.run("return typeof axe === 'undefined'") == true {
            let file = PathBuf::from(TARGET).join("axe/node_modules/axe-core/axe.min.js");
            let axe = fs::read_to_string(&file);
            self.run(&axe.unwrap_or_else(|error| panic!("axe-core is not there: {error}; {}", remedy("axe"))));
        }
        let found = self.run(
            "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(rule =>
                [`${rule.id} (${rule.impact}): ${rule.help}`].concat(rule.nodes.map(node =>
                    `  ${node.target.join(' ')}\\n    ${node.failureSummary.replaceAll('\\n', '\\n    ')}`)).join('\\n')))",
        );
        let found = found.as_array().expect("a list").iter();
        found.map(|fault| fault.as_str().expect("words").to_owned()).collect()
    }

    /// Fails if axe-core finds anything wrong with the page as it is.
    pub(crate) fn is_for_everybody(&self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "{}:\n{}", self.address(), faults.join("\n"));
    }

    /// `property` of the first visible element that matches `css` and has `words` in its text, or the element itself; null
    /// where there is none, and nothing while the page is changing to another.
    fn find(&self, css: &str, words: &str, property: Option<&str>) -> Option<Value> {
        let script = "const [css, words, property] = arguments;
            const fits = e => e.checkVisibility({ visibilityProperty: true }) && (!words || e.innerText.includes(words));
            const found = [...document.querySelectorAll(css)].find(fits);
            return found ? (property ? found[property] : found) : null";
        match self.try_run(script, &json!([css, words, property])) {
            Ok(found) => Some(found),
            Err(refusal) if refusal.is_of_the_moment() => None,
            Err(refusal) => self.fails(&format!("`{css}`: {refusal}")),
        }
    }

    /// Does something to an element once it can be done.
    fn with_element(&self, css: &str, words: &str, verb: &str, body: &Value) {
        self.until(&format!("{verb} on `{css}` with {words:?}"), || {
            let found = self.find(css, words, None)?;
            let path = format!("/element/{}/{verb}", found.get(ELEMENT)?.as_str()?);
            // The driver does not know how to scroll a list whose beginning is at its end.
            let _ = self.try_run("arguments[0].scrollIntoView({ block: 'nearest' })", &json!([found]));
            match self.try_tell(Method::POST, &path, body) {
                Ok(_) => Some(()),
                Err(refusal) if refusal.is_of_the_moment() => None,
                Err(refusal) => self.fails(&format!("{verb} on `{css}`: {refusal}")),
            }
        });
    }

    /// Fails with what the page shows, and a picture of it. The browser may be in any state.
    fn fails(&self, what: &str) -> ! {
        if self.try_run("", &json!([])).is_ok() {
            let test = std::thread::current().name().unwrap_or("a-test").replace("::", "-");
            panic!("{what}\n{}\nseen in {}", self.state(), self.screenshot(&format!("failed-{test}")).display());
        }
        panic!("{what}\n{}", self.state());
    }

    fn state(&self) -> String {
        let shown = self.try_run("return `${location.href} shows:\n${document.body.innerText}`", &json!([]));
        let shown = shown.map_or_else(|refusal| refusal.to_string(), |shown| shown.as_str().unwrap_or("").to_owned());
        match self.try_log() {
            Ok(log) => format!("{shown}\nlogged: {log:#?}"),
            Err(refusal) => format!("{shown}\nno log: {refusal}"),
        }
    }

    fn try_run(&self, script: &str, arguments: &Value) -> Result<Value, Refusal> {
        self.try_tell(Method::POST, "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    fn try_log(&self) -> Result<Vec<Line>, Refusal> {
        let lines = self.try_tell(Method::POST, "/se/log", &json!({ "type": "browser" }))?;
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or("").to_owned();
        let lines = lines.as_array().into_iter().flatten().map(|line| Line {
            level: text(line, "level"),
            source: text(line, "source"),
            message: text(line, "message"),
        });
        Ok(lines.collect())
    }

    fn tell(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_tell(method, path, body).unwrap_or_else(|refusal| panic!("{path}: {refusal}"))
    }

    fn try_tell(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let body = if body.is_null() { Bytes::new() } else { json::print(body).into() };
        let limits = Limits { timeout: Duration::from_secs(60), max_body: 64 << 20 };
        let answer = self.http.call(request.body(body).expect("a request"), limits);
        let answer = self
            .runtime
            .block_on(answer)
            .map_err(|error| Refusal { error: "no answer".to_owned(), message: error.to_string() })?;
        let mut told: Value = json::read(answer.body()).expect("the driver speaks JSON");
        let value = told["value"].take();
        if answer.status().is_success() {
            return Ok(value);
        }
        let text = |field: &str| value[field].as_str().unwrap_or("").to_owned();
        Err(Refusal { error: text("error"), message: text("message") })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let log = self.try_log();
        // The driver's end is the browser's, too; but asked first, it leaves nothing half written.
        let _ = self.try_tell(Method::DELETE, "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        if !std::thread::panicking() {
            let complaints: Vec<Line> =
                log.expect("the browser lived to its end").into_iter().filter(Line::is_complaint).collect();
            assert!(complaints.is_empty(), "the pages complained: {complaints:#?}");
        }
    }
}

/// The right to one browser: a machine holds only so many at once.
struct Seat;

impl Seat {
    const ALL: usize = 2;

    /// Waits until so many are free. All at once: two tests that each had one of the two they need would wait for ever.
    fn take<const N: usize>() -> [Self; N] {
        const { assert!(N <= Self::ALL, "there are not that many") };
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREE.1.wait_while(free, |free| *free < N).unwrap_or_else(PoisonError::into_inner);
        *free -= N;
        [const { Self }; N]
    }
}

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(Seat::ALL), Condvar::new());

impl Drop for Seat {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_all();
    }
}

/// Whether the tests were told to go on without `need`, as `cargo xtask check --without` does; then it is said.
fn is_waived(need: &str) -> bool {
    let waived = std::env::var("MEWE_WITHOUT").is_ok_and(|names| names.split(',').any(|name| name == need));
    if waived {
        // Not by eprintln, which is heard of tests that fail only.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "WITHOUT {need}: {test} did not look");
    }
    waived
}

fn remedy(need: &str) -> String {
    format!("`cargo xtask check` brings it, and MEWE_WITHOUT={need} goes on without")
}

/// A key as WebDriver writes it.
fn key(name: &str) -> &str {
    match name {
        "Backspace" => "\u{E003}",
        "Tab" => "\u{E004}",
        "Enter" => "\u{E007}",
        "Shift" => "\u{E008}",
        "Ctrl" => "\u{E009}",
        "Alt" => "\u{E00A}",
        "Escape" => "\u{E00C}",
        "Space" => " ",
        "PageUp" => "\u{E00E}",
        "PageDown" => "\u{E00F}",
        "End" => "\u{E010}",
        "Home" => "\u{E011}",
        "ArrowLeft" => "\u{E012}",
        "ArrowUp" => "\u{E013}",
        "ArrowRight" => "\u{E014}",
        "ArrowDown" => "\u{E015}",
        "Delete" => "\u{E017}",
        name => {
            assert_eq!(name.chars().count(), 1, "no key is called {name}");
            name
        }
    }
}

/// The bytes of a text that the driver wrote.
fn base64(text: &str) -> Vec<u8> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let groups = text.trim_end_matches('=').as_bytes().chunks(4);
    groups
        .flat_map(|group| {
            let bits = group.iter().fold(0, |bits: u32, byte| bits << 6 | u32::from(sextet(*byte)));
            let bytes = (bits << (6 * (4 - group.len()))).to_be_bytes();
            bytes.into_iter().skip(1).take(group.len() - 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of the test's own.
    fn page(html: &str) -> Option<Browser> {
        let browser = Browser::start()?;
        browser.run_with("document.body.innerHTML = arguments[0]", &json!([html]));
        Some(browser)
    }

    #[test]
    fn what_a_page_does_wrong_is_noticed() {
        let Some(browser) = page("<p>calm</p>") else { return };
        assert_eq!(browser.log(), []);
        browser.run(
            "document.head.innerHTML = `<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">`;
             document.body.innerHTML = '<p style=\"color: red\">loud</p>';
             document.body.append(Object.assign(document.createElement('script'), { text: 'window.__xss = 1' }));
             setTimeout(() => { throw new Error('nobody catches this') });
             Promise.reject(new Error('nor this'))",
        );
        let mut log = Vec::new();
        for words in ["inline style", "inline script", "nobody catches this", "nor this"] {
            browser.until(words, || {
                log.extend(browser.log());
                log.iter().any(|line| line.is_complaint() && line.message.contains(words)).then_some(())
            });
        }
        // A policy that forbids everything does not keep the test out, and axe-core works under it without a complaint.
        assert_eq!(browser.run("return typeof window.__xss"), "undefined");
        assert_eq!(browser.run_with("return Promise.resolve(arguments[0] + 1)", &json!([1])), 2);
        let faults = browser.faults();
        assert!(faults.iter().any(|fault| fault.starts_with("document-title")) || is_waived("axe"), "{faults:?}");
        browser.run(
            "document.title = 'A page';
             document.documentElement.lang = 'en';
             document.body.replaceChildren(Object.assign(document.createElement('main'), { innerHTML: '<h1>All is well</h1>' }))",
        );
        browser.is_for_everybody();
    }

    #[test]
    fn a_test_whose_page_complained_fails() {
        let Some(browser) = page("<p>calm</p>") else { return };
        browser.run("setTimeout(() => { throw new Error('nobody catches this') })");
        browser.run("return new Promise(done => setTimeout(done))");
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(browser))).unwrap_err();
        assert!(failed.downcast::<String>().unwrap().contains("nobody catches this"));
    }

    #[test]
    fn what_a_page_lacks_is_told_with_what_it_shows() {
        // The wait of a test that fails is long; its words are what matters.
        let Some(browser) = page("<p hidden>nobody sees this</p><p>a person sees this</p>") else { return };
        assert!(browser.find("p", "nobody", None).unwrap().is_null());
        browser.misses("p[hidden]");
        let state = browser.state();
        assert!(state.contains("a person sees this") && !state.contains("nobody sees this"), "{state}");
    }

    #[test]
    fn keys_and_clicks_arrive_as_a_person_gives_them() {
        let Some(browser) = page("<button>later</button><button disabled>never</button><textarea></textarea>") else {
            return;
        };
        browser.run(
            "window.pressed = [];
             addEventListener('keydown', e => pressed.push([e.ctrlKey && 'Ctrl', e.altKey && 'Alt', e.shiftKey && 'Shift', e.key]
                 .filter(Boolean).join('+')));
             document.querySelector('button').onclick = e => { e.target.textContent = 'clicked ' + e.isTrusted }",
        );
        browser.sees("button:disabled");
        browser.click_on("button", "later");
        browser.reads("button", "clicked true");
        for chord in ["j", "?", "\\", "Escape", "Ctrl+k", "Ctrl+.", "Alt+ArrowDown", "Shift+T"] {
            browser.press(chord);
            let last = browser.run("return pressed.at(-1)");
            // On a keyboard `?` is a key with Shift, and so the driver presses it.
            let last = last.as_str().unwrap();
            assert!(last == chord || last == format!("Shift+{chord}"), "{chord} became {last}");
        }
        browser.click("textarea");
        browser.types("textarea", "Sigrún");
        browser.press("Shift+Enter");
        browser.inserts("\u{202E}😀");
        assert_eq!(browser.run("return document.querySelector('textarea').value"), "Sigrún\n\u{202E}😀");
    }

    #[test]
    fn a_page_is_as_large_and_as_dark_as_the_test_says() {
        let Some(browser) = page("<p>text</p>") else { return };
        for (width, height) in [(360, 740), (1920, 1080)] {
            browser.resize(width, height);
            assert_eq!(browser.run("return [innerWidth, innerHeight]"), json!([width, height]));
            let file = browser.screenshot("size");
            let picture = fs::read(&file).unwrap();
            fs::remove_file(file).unwrap();
            assert!(picture.starts_with(b"\x89PNG"));
            assert_eq!(picture[16..24], [width.to_be_bytes(), height.to_be_bytes()].concat());
        }
        for scheme in ["dark", "light"] {
            browser.prefers(&[("prefers-color-scheme", scheme)]);
            let query = format!("return matchMedia('(prefers-color-scheme: {scheme})').matches");
            assert_eq!(browser.run(&query), true);
        }
    }

    #[test]
    fn two_browsers_know_nothing_of_each_other() {
        let Some([one, other]) = Browser::two() else { return };
        one.run("document.body.innerHTML = '<p>here'");
        one.reads("p", "here");
        other.misses("p");
    }
}
