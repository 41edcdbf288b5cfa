//! Whatever people write, as a name, a text, an answer, a search: refused, or shown in full; and never run.

use std::{fmt::Debug, sync::Mutex};

use http::Method;
use mewe_protocol::{
    json,
    mention::{self, Segment, segments},
};
use serde_json::{Value, json};

use super::world::{Answer, Endpoint, World};
use crate::support::{Browser, corpus, text};

/// What a text is on a page: HTML knows one kind of line break and no NUL.
fn shown(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{FFFD}")
}

/// The same of what is said in a chat, where words between backticks are code and a mention is a name.
fn said(text: &str) -> String {
    let segments = segments(text).map(|segment| match segment {
        Segment::Text(words) => words.to_owned(),
        Segment::Mention { name, .. } => format!("@{name}"),
    });
    shown(&segments.collect::<String>()).replace('`', "")
}

/// A browser in which whatever runs leaves a trace.
fn watching() -> Option<Browser> {
    let browser = Browser::start()?;
    let instead = "window.alert = window.prompt = window.confirm = () => { window.__xss = 1 }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": instead }));
    Some(browser)
}

/// Nothing ran on the page that is open. What it complained of is judged when the browser goes.
fn nothing_ran(browser: &Browser) {
    assert!(browser.run("return window.__xss ?? null").is_null(), "{} ran something", browser.address());
}

/// What each selector finds on the page of each address, read by the browser's own parser; the text, or the value of a field.
fn read(browser: &Browser, paths: &[String], css: &[&str]) -> Vec<Vec<Option<String>>> {
    let script = "const [paths, css] = arguments;
        const look = async path => {
            const page = new DOMParser().parseFromString(await (await fetch(path)).text(), 'text/html');
            return css.map(css => { const e = page.querySelector(css);
                return e === null ? null : e.matches('input') ? e.getAttribute('value') : e.textContent });
        };
        return Promise.all(paths.map(look))";
    let found = browser.run_with(script, &json!([paths, css]));
    let strings = |found: &Value| {
        let found = found.as_array().unwrap().iter();
        found.map(|one| one.as_str().map(str::to_owned)).collect()
    };
    found.as_array().unwrap().iter().map(strings).collect()
}

/// The texts of all that match, in the order of the page.
fn texts(browser: &Browser, css: &str) -> Vec<String> {
    let found =
        browser.run_with("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", &json!([css]));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Reads a list upwards until `many` of its rows are there.
fn read_up(browser: &Browser, scroll: &str, rows: &str, many: usize) {
    let up = "const [scroll, rows] = arguments, e = document.querySelector(scroll); e.scrollTop = 1 - e.scrollHeight;
        return document.querySelectorAll(rows).length";
    browser.until("all older rows", || {
        (browser.run_with(up, &json!([scroll, rows])).as_u64()? >= many as u64).then_some(())
    });
}

/// Fails with the first that differs: all of them would fill pages.
fn agree<T: PartialEq + Debug>(found: &[T], expected: &[T]) {
    if let Some((found, expected)) = found.iter().zip(expected).find(|(found, expected)| found != expected) {
        panic!("{found:?}\nis not\n{expected:?}");
    }
    assert_eq!(found.len(), expected.len());
}

/// Whether the operator API must refuse it as a name.
fn is_no_name(case: &str) -> bool {
    case.trim().chars().count() > 100
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[test]
fn whatever_is_said_is_shown_in_full_as_it_arrives_and_afterwards() {
    let Some(browser) = watching() else { return };
    let world = World::start();
    // An endpoint that answers with what was said.
    let endpoint = Endpoint::start(|webhook| {
        let told: Value = json::read(webhook.body.as_bytes()).unwrap();
        Answer::Whole(200, told["messageText"].as_str().unwrap_or_default().to_owned())
    });
    let ([petur, sigrun], thread, _) = super::family(&world, &endpoint.url);
    let page = world.at(&format!("/t/{thread}?as={petur}"));
    browser.open(&page);
    browser.reads("#live", "Live");
    let mut all: Vec<(String, String)> = Vec::new();
    // What came before stays in the list no longer than some of it, so it is looked at while it comes.
    for batch in corpus().chunks(60) {
        let before = all.len();
        for case in batch {
            let path = format!("/operator/threads/{thread}/messages");
            match world.operator.call(Method::POST, &path, &json!({ "userId": sigrun, "text": case })) {
                (201, message) => all.push((text(&message, "chatMessageId"), text(&message, "messageText"))),
                (status, answer) => assert!(status == 400 && case.chars().count() > 10_000, "{case:?}: {answer}"),
            }
        }
        browser.sees(&format!("#m-a-{}", all.last().unwrap().0));
        let ids: Vec<&str> = all[before..].iter().map(|(id, _)| id.as_str()).collect();
        let bubbles =
            "return arguments[0].map(id => document.querySelector(`#m-a-${id} .text`).textContent.replaceAll('`', ''))";
        let expected: Vec<String> = all[before..].iter().map(|(_, words)| said(words)).collect();
        let found = browser.run_with(bubbles, &json!([ids]));
        agree(found.as_array().unwrap(), &expected.into_iter().map(Value::from).collect::<Vec<_>>());
        nothing_ran(&browser);
    }
    assert!(all.len() > 250, "{}", all.len());
    world.settles();
    // The same when the page is loaded, and in the wire.
    browser.open(&page);
    read_up(&browser, "#chat-a .scroll", "#msgs-a > .msg", all.len());
    let found: Vec<String> = texts(&browser, "#msgs-a .text").into_iter().map(|text| text.replace('`', "")).collect();
    agree(&found, &all.iter().map(|(_, words)| said(words)).collect::<Vec<_>>());
    read_up(&browser, "#list", "#rows .w", all.len() + 2);
    let rows = browser.run("return [...document.querySelectorAll('#rows .w[data-message]')].map(e => [e.dataset.message, e.querySelector('.what .cut').textContent])");
    let first = |words: &str| words.chars().take(200).collect::<String>();
    let expected = all.iter().map(|(id, words)| json!([id, shown(&mention::plain(&first(words)))]));
    agree(rows.as_array().unwrap(), &expected.collect::<Vec<_>>());
    nothing_ran(&browser);
    // What was sent and what was answered, as it is: many at a time, each page loaded as a person loads it.
    let joined: Vec<String> = corpus().chunks(45).map(|cases| cases.join("\n").chars().take(9_900).collect()).collect();
    for words in &joined {
        let path = format!("/operator/threads/{thread}/messages");
        let message = world.operator.makes(&path, &json!({ "userId": sigrun, "text": words }));
        world.settles();
        let delivery = &world.operator.lists("/operator/deliveries?limit=1")["deliveries"][0]["deliveryId"];
        let payload = text(&world.operator.lists(&format!("/operator/deliveries/{delivery}")), "payload");
        let row = world.row(&thread, &format!("message:{}", text(&message, "chatMessageId")));
        for form in ["", "&as-sent=1"] {
            browser.open(&world.at(&format!("/t/{thread}?as={petur}&wire={row}{form}")));
            nothing_ran(&browser);
            // JSON is laid out anew where that was asked for; and a line break at the beginning of a `pre` is none.
            let letters =
                |text: &str| if form.is_empty() { text.split_whitespace().collect() } else { text.to_owned() };
            let found =
                ["#payload pre", "#answer pre", "#signature .base"].map(|css| letters(&texts(&browser, css)[0]));
            assert_eq!(found[0], letters(&shown(&payload)));
            assert_eq!(found[1], letters(shown(words).trim()));
            assert!(found[2].ends_with(&letters(&shown(&payload))), "{}", found[2]);
        }
    }
}

#[test]
fn whatever_people_are_called_is_shown_in_full() {
    let Some(browser) = watching() else { return };
    let world = World::start();
    let o = &world.operator;
    let petur = o.person("Pétur", "Jureksson");
    let mut named = Vec::new();
    for case in corpus() {
        match o.call(Method::POST, "/operator/users", &json!({ "firstName": case })) {
            (201, user) => named.push((text(&user, "userId"), text(&user, "name"))),
            (status, answer) => assert!(status == 400 && is_no_name(&case), "{case:?}: {answer}"),
        }
    }
    assert!(named.len() > 230, "{}", named.len());
    // As authors, half of them before the page is opened and half of them while it is.
    let guests: Vec<&str> = std::iter::once(petur.as_str()).chain(named.iter().map(|(id, _)| id.as_str())).collect();
    let party = o.thread("Gestir", &guests);
    let say = |(id, _): &(String, String)| o.says(id, &party, "Hæ");
    named[..120].iter().for_each(say);
    browser.open(&world.at(&format!("/t/{party}?as={petur}")));
    browser.reads("#live", "Live");
    named[120..].iter().for_each(say);
    browser.sees(&format!("#msgs-a .msg:last-child[data-by='{}']", named.last().unwrap().0));
    let names: Vec<String> = named.iter().map(|(_, name)| shown(name)).collect();
    let authors = texts(&browser, "#msgs-a .by b");
    assert!(authors.len() > 100);
    agree(&authors, &names[names.len() - authors.len()..]);
    read_up(&browser, "#chat-a .scroll", "#msgs-a > .msg", named.len());
    agree(&texts(&browser, "#msgs-a .by b"), &names);
    // As whom one can speak as, send away, and mention.
    agree(&texts(&browser, "#people bdi")[1..], &names[..59]);
    agree(&texts(&browser, "#head-a .menu li bdi")[1..], &names);
    browser.click("#text-a");
    browser.inserts("@");
    agree(&texts(&browser, "#ats-a li"), &names[..8]);
    nothing_ran(&browser);
    for (id, name) in named.iter().step_by(16) {
        browser.open(&world.at(&format!("/t/{party}?as={id}")));
        agree(&texts(&browser, "#people [aria-current] bdi, #foot-a .as bdi"), &[shown(name), shown(name)]);
        nothing_ran(&browser);
    }
}

#[test]
fn whatever_threads_applications_and_agents_are_called_is_shown_in_full() {
    let Some(browser) = watching() else { return };
    let (world, endpoint) = (World::start(), Endpoint::that_takes_everything());
    let owner = world.operator.person("Sigrún", "Guðmundsdóttir");
    // As many threads as a rail shows are one person's.
    let cases = corpus();
    let hosts: Vec<String> =
        (0..cases.len().div_ceil(50)).map(|n| world.operator.person("Pétur", &n.to_string())).collect();
    let numbered: Vec<(usize, String)> = cases.into_iter().enumerate().collect();
    let made = Mutex::new((Vec::new(), Vec::new()));
    world.each(&numbered, |operator, (n, case)| {
        let status = if is_no_name(case) { 400 } else { 201 };
        let thread = json!({ "name": case, "participants": [hosts[n / 50]] });
        let (threads, thread) = operator.call(Method::POST, "/operator/threads", &thread);
        let app = json!({ "name": case, "type": "personal_agent", "webhookUrl": endpoint.url });
        let (apps, app) = operator.call(Method::POST, "/operator/apps", &app);
        assert_eq!((threads, apps), (status, status), "{case:?}: {thread} {app}");
        if status == 201 {
            let (thread, app, name) = (text(&thread, "threadId"), text(&app, "appId"), text(&app, "name"));
            operator.agent(&app, &owner, case);
            let mut made = made.lock().unwrap();
            made.0.push((thread, n / 50, name.clone()));
            made.1.push((app, name));
        }
    });
    let (threads, mut apps) = made.into_inner().unwrap();
    apps.sort();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let names: Vec<String> = apps.iter().map(|(_, name)| shown(name)).collect();
    assert!(names.len() > 230, "{}", names.len());
    for (n, host) in hosts.iter().enumerate() {
        let mine = || threads.iter().filter(move |(_, of, _)| *of == n);
        for (thread, _, name) in mine().step_by(17) {
            browser.open(&world.at(&format!("/t/{thread}?as={host}")));
            agree(&texts(&browser, "#chat-a h2, h1"), &[shown(name), shown(name)]);
            // A title has one space for many, and nothing that cannot be seen.
            let title = browser.run("return document.title");
            let words = |text: &str| text.replace(|c: char| c.is_whitespace() || c.is_control(), "");
            assert!(words(title.as_str().unwrap()).starts_with(&words(&shown(name))), "{title}");
            nothing_ran(&browser);
        }
        let mine = mine().map(|(_, _, name)| shown(name)).collect();
        agree(&sorted(texts(&browser, "#threads bdi")), &sorted(mine));
    }
    world.settles();
    // In the wire, where the agents are told that they are.
    read_up(&browser, "#list", "#rows .w", apps.len());
    agree(&sorted(texts(&browser, "#rows .who")), &sorted(names.clone()));
    nothing_ran(&browser);
    let mut listed = Vec::new();
    for page in names.chunks(50).enumerate().map(|(n, _)| n) {
        let after = if page == 0 { String::new() } else { format!("?after={}", apps[page * 50 - 1].0) };
        browser.open(&world.at(&format!("/apps{after}")));
        listed.extend(texts(&browser, "#apps th bdi"));
        nothing_ran(&browser);
    }
    agree(&listed, &names);
    for (id, name) in apps.iter().step_by(8) {
        browser.open(&world.at(&format!("/apps/{id}")));
        nothing_ran(&browser);
        let name = shown(name);
        let places = "h1, #app-agents tbody th bdi, .fold-row .danger bdi";
        agree(&texts(&browser, places), &[name.clone(), name.clone(), name.clone()]);
        // A field holds one line.
        let values = browser.run("return ['#edit-name', '#agent-name'].map(css => document.querySelector(css).value)");
        let line = name.replace('\n', "");
        assert_eq!(values, json!([line, line]));
    }
}

#[test]
fn whatever_is_looked_for_or_drafted_is_shown_in_full() {
    let Some(browser) = watching() else { return };
    let (world, endpoint) = (World::start(), Endpoint::that_takes_everything());
    let ([petur, _], thread, _) = super::family(&world, &endpoint.url);
    let place = format!("/t/{thread}?as={petur}");
    browser.open(&world.at(&place));
    // What a form may hold; longer ones are cut, and what is looked for is one line.
    let cases: Vec<String> = corpus().into_iter().filter(|case| case.trim().chars().count() <= 200).collect();
    let searched: Vec<String> = cases.iter().map(|case| format!("/search?q={}", encoded(case))).collect();
    let found = read(&browser, &searched, &["#search-here", "#find", ".nothing code"]);
    for (case, found) in cases.iter().zip(&found) {
        let words = Some(shown(case.trim()));
        assert!(found.iter().all(|part| part.as_deref().map(shown) == words), "{case:?}: {found:?}");
    }
    let filtered: Vec<String> = cases.iter().map(|case| format!("{place}&q={}", encoded(case))).collect();
    let found = read(&browser, &filtered, &["#q", ".tok bdi", ".nothing code"]);
    for (case, found) in cases.iter().zip(&found) {
        // A filter is its words, without the quotes that hold some together; a key with a value stands beside it.
        let letters = |text: &str| shown(text).chars().filter(|c| !c.is_whitespace() && *c != '"').collect::<String>();
        let nothing = found[2].as_ref().map(|text| letters(text));
        let mut key_first = letters(case);
        if let (Some(token), Some(words)) = (&found[1], &found[0]) {
            assert!(letters(case).contains(&letters(token)), "{case:?}: {found:?}");
            key_first = nothing.clone().unwrap();
            assert!(
                key_first.contains(&letters(words)) && key_first.len() == letters(case).len(),
                "{case:?}: {found:?}"
            );
        }
        assert_eq!(nothing, Some(key_first), "{case:?}");
    }
    for path in searched.iter().step_by(8).chain(filtered.iter().skip(4).step_by(8)) {
        browser.open(&world.at(path));
        nothing_ran(&browser);
    }
    // Drafts come back as they were written.
    for batch in corpus().chunks(70) {
        let draft: String = batch.join("\n").chars().take(9_900).collect();
        browser.open(&world.at(&place));
        browser.run("document.querySelector('#text-a').select()");
        browser.click("#text-a");
        browser.press("Ctrl+a");
        browser.inserts(&draft);
        let written = browser.run("return document.querySelector('#text-a').value");
        assert_eq!(written.as_str().map(shown), Some(shown(&draft)));
        browser.open(&world.at("/keys"));
        browser.open(&world.at(&place));
        assert_eq!(browser.run("return document.querySelector('#text-a').value"), written);
        nothing_ran(&browser);
    }
}
