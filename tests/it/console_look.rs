//! How the console looks, and what it bears: every width, light and dark, everybody's eyes and hands, whatever people write,
//! and ten thousand rows.

mod scene;
mod smuggled;
mod world;

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use http::{Method, header};
use serde_json::{Value, json};

use crate::support::{Browser, Operator, text};
use scene::{Kind, Scene};
use world::{Answer, Endpoint, World};

const WIDTHS: [u32; 8] = [360, 390, 760, 1080, 1100, 1320, 1440, 1920];

/// What a page of this width shows wrongly: a scrollbar of the page, or something to act on that is cut off or covered.
const MISFITS: &str = "
    const [must] = arguments, page = document.documentElement, wrong = [];
    const name = e => `<${e.tagName.toLowerCase()} id='${e.id}' class='${e.getAttribute('class') ?? ''}'> ${e.innerText?.slice(0, 40) ?? ''}`;
    if (page.scrollWidth > innerWidth) wrong.push(`the page is ${page.scrollWidth} wide`);
    if (page.scrollHeight > innerHeight) wrong.push(`the page is ${page.scrollHeight} high`);
    for (const e of document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')) {
        if (!e.checkVisibility({ visibilityProperty: true }) || e.matches('.skip, .cut')) continue;
        const { left, right, width } = e.getBoundingClientRect();
        let [low, high] = [0, innerWidth];
        for (let up = e.parentElement; up; up = up.parentElement) {
            const { overflowX, position } = getComputedStyle(up), box = up.getBoundingClientRect();
            // What can be scrolled to is not cut off.
            if (overflowX === 'auto' || overflowX === 'scroll') { [low, high] = [-1e6, 1e6]; }
            if (overflowX === 'hidden' || overflowX === 'clip') { [low, high] = [Math.max(low, box.left), Math.min(high, box.right)]; }
            if (position === 'fixed') break;
        }
        if (width < 1 || left < low - 0.5 || right > high + 0.5) wrong.push(`cut off: ${name(e)} ${left} to ${right} of ${low} to ${high}`);
    }
    for (const css of must) {
        const e = document.querySelector(css);
        if (!e?.checkVisibility()) { wrong.push(`not there: ${css}`); continue; }
        const { left, right, top, bottom, width, height } = e.getBoundingClientRect();
        if (left < -0.5 || right > innerWidth + 0.5 || top < -0.5 || bottom > innerHeight + 0.5 || !width || !height) {
            wrong.push(`out of sight: ${css}, ${[left, top, right, bottom]}`);
            continue;
        }
        const on = document.elementFromPoint(left + Math.min(width / 2, 12), top + height / 2);
        if (!on || !(e.contains(on) || on.contains(e))) wrong.push(`covered: ${css} by ${on && name(on)}`);
    }
    return wrong";

#[test]
fn every_page_fits_every_width() {
    let Some(browser) = Browser::start() else { return };
    let (scene, empty, public) = (Scene::play(), World::start(), World::public());
    let mut wrong = Vec::new();
    for Kind { name, path, must } in all_kinds(&scene, &empty, &public) {
        browser.open(&path);
        for width in WIDTHS {
            browser.resize(width, if width < 760 { 780 } else { 900 });
            // On a narrow screen everything is behind these.
            let tabs = [".tabs a:first-child", ".tabs a:last-child"];
            let has_tabs = width < 760 && name != "login";
            let must: Vec<&str> = must.iter().chain(tabs.iter().filter(|_| has_tabs)).copied().collect();
            for misfit in browser.run_with(MISFITS, &json!([must])).as_array().unwrap() {
                wrong.push(format!("{name} at {width}: {}", misfit.as_str().unwrap()));
            }
        }
        browser.resize(1440, 900);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everybody_can_use_every_page_light_and_dark_wide_and_narrow() {
    let Some(browser) = Browser::start() else { return };
    let (scene, empty, public) = (Scene::play(), World::start(), World::public());
    scene
        .world
        .makes_trouble(&scene.muaddib, &json!([{ "kind": "deliver_twice" }, { "kind": "answer_500", "every": 3 }]));
    let mut faults = Vec::new();
    for Kind { name, path, must } in all_kinds(&scene, &empty, &public) {
        browser.open(&path);
        browser.sees(must[0]);
        for width in [1440, 390] {
            browser.resize(width, 900);
            for scheme in ["light", "dark"] {
                browser.prefers(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
                faults.extend(browser.faults().into_iter().map(|fault| format!("{name}, {width}, {scheme}: {fault}")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_page_brings_a_script_or_a_style_of_its_own() {
    let (scene, empty, public) = (Scene::play(), World::start(), World::public());
    let home = |world: &World, path: &str| path.strip_prefix(&world.at("")).map(|path| world.page(path, ""));
    let mut pages: Vec<(String, http::Response<bytes::Bytes>)> = all_kinds(&scene, &empty, &public)
        .into_iter()
        .map(|Kind { name, path, .. }| {
            let page = [&scene.world, &empty, &public].into_iter().find_map(|world| home(world, &path));
            (name.to_owned(), page.unwrap())
        })
        .collect();
    let (cabin, petur) = (&scene.cabin, &scene.petur);
    let newest = "f".repeat(24);
    for path in [format!("/older/{cabin}/a?before={newest}&as={petur}"), "/wire/older?before=99999".to_owned()] {
        pages.push((path.clone(), scene.world.page(&path, "")));
    }
    let made = "name=Tilraun&webhook=http%3A%2F%2F127.0.0.1%3A9%2Fwebhook";
    pages.push(("a new application".to_owned(), scene.world.form("/apps", made)));
    pages.push(("a first application".to_owned(), empty.form("/apps", &format!("{made}&first=1"))));
    let curl = format!("/wire/{}/curl", scene.retrying);
    pages.push(("words to copy".to_owned(), scene.world.form(&curl, "back=%2F")));
    pages.push(("a refused login".to_owned(), public.form("/login", "token=wrong")));
    pages.push(("a refused form".to_owned(), scene.world.form("/people", "first=")));
    for (name, page) in pages {
        let policy = page.headers().get(header::CONTENT_SECURITY_POLICY);
        let policy = policy.unwrap_or_else(|| panic!("{name} has no policy")).to_str().unwrap();
        for rule in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.split("; ").any(|one| one == rule), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{name}: {policy}");
        let html = String::from_utf8(page.into_body().to_vec()).unwrap();
        let tags = tags(&html);
        assert!(tags.len() > 5, "{name}: {html}");
        for (tag, attributes) in tags {
            let has = |wanted: &str| attributes.iter().any(|(attribute, _)| attribute == wanted);
            assert!(tag != "style" && (tag != "script" || has("src")), "{name}: <{tag} {attributes:?}>");
            for (attribute, value) in &attributes {
                let runs = attribute == "style" || attribute.starts_with("on") || attribute.starts_with("hx-on");
                let leads = matches!(attribute.as_str(), "href" | "src" | "action")
                    && value.trim_start().to_lowercase().starts_with("javascript:");
                assert!(!runs && !leads && !value.starts_with("js:"), "{name}: <{tag} {attribute}={value:?}>");
            }
        }
    }
}

#[test]
fn the_first_paint_is_four_requests_and_sixty_kilobytes() {
    let Some(browser) = Browser::start() else { return };
    let scene = Scene::play();
    let path = scene.chat(&format!("&wire={}", scene.retrying));
    browser.open(&scene.world.at(&path));
    browser.reads("#live", "Live");
    let loaded =
        browser.run("return performance.getEntriesByType('resource').map(e => new URL(e.name).pathname).sort()");
    let loaded: Vec<&str> = loaded.as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    // What is told afterwards paints nothing first.
    let loaded: Vec<&str> = loaded.into_iter().filter(|path| *path != "/live").collect();
    let html = scene.world.page(&path, "").into_body();
    let named: BTreeSet<String> = tags(std::str::from_utf8(&html).unwrap())
        .into_iter()
        .flat_map(|(_, attributes)| attributes)
        .filter(|(name, value)| matches!(name.as_str(), "src" | "href") && value.starts_with("/assets/"))
        .map(|(_, value)| value)
        .collect();
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), loaded);
    assert_eq!(loaded.len(), 3, "{loaded:?}");
    let mut bytes = html.to_vec();
    let mut sizes = vec![gzipped(&html)];
    for asset in &loaded {
        let asset = scene.world.page(asset, "");
        let kept = asset.headers().get(header::CACHE_CONTROL).unwrap().to_str().unwrap();
        assert_eq!(kept, "public, max-age=31536000, immutable");
        sizes.push(gzipped(asset.body()));
        bytes.extend_from_slice(asset.body());
    }
    if let Some(sizes) = sizes.into_iter().collect::<Option<Vec<usize>>>() {
        assert!(sizes.iter().sum::<usize>() <= 60 * 1024, "{sizes:?} bytes: the page, then {loaded:?}");
    }
    let script = include_str!("../../crates/mewe-host/src/console/assets/console.js");
    assert!(script.lines().count() <= 400, "the script grew");
}

#[test]
fn the_theme_is_the_servers_from_the_first_byte_on() {
    let Some(browser) = Browser::start() else { return };
    let (world, public) = (World::start(), World::public());
    for (cookie, wanted) in [("", None), ("mewe-theme=light", Some("light")), ("mewe-theme=dark", Some("dark"))] {
        for page in [world.page("/", cookie), world.page("/apps", cookie), public.page("/login", cookie)] {
            let html = String::from_utf8(page.into_body().to_vec()).unwrap();
            let (_, attributes) = tags(&html).into_iter().find(|(tag, _)| tag == "html").unwrap();
            let theme = attributes.iter().find(|(name, _)| name == "data-theme").map(|(_, value)| value.as_str());
            assert_eq!(theme, wanted, "{html}");
        }
    }
    // Whoever switches sees the page in one theme and then in another, and never one theme turning into another.
    let watch = "window.turned = 0; new MutationObserver(all => { turned += all.filter(one => one.type === 'attributes').length })
        .observe(document, { subtree: true, attributes: true, attributeFilter: ['data-theme'] })";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": watch }));
    browser.prefers(&[("prefers-color-scheme", "light")]);
    browser.open(&world.at("/apps"));
    let shown = || {
        browser.run("return [document.documentElement.dataset.theme ?? null, getComputedStyle(document.body).backgroundColor, turned]")
    };
    let (light, dark) = ("rgb(245, 246, 248)", "rgb(14, 16, 20)");
    assert_eq!(shown(), json!([null, light, 0]));
    for (theme, color) in [(json!("light"), light), (json!("dark"), dark), (Value::Null, light)] {
        browser.click(".theme");
        browser.until("the other theme", || {
            (browser.run("return document.documentElement.dataset.theme ?? null") == theme).then_some(())
        });
        assert_eq!(shown(), json!([theme, color, 0]));
        assert_eq!(browser.address(), world.at("/apps"));
    }
    browser.prefers(&[("prefers-color-scheme", "dark")]);
    assert_eq!(shown(), json!([null, dark, 0]));
}

#[test]
fn the_main_views_look_as_they_were_drawn() {
    let Some(browser) = Browser::start() else { return };
    let (scene, empty, public) = (Scene::play(), World::start(), World::public());
    let world = &scene.world;
    // A picture is taken of what is there, and of nothing that is still fading.
    let takes = |name: &str, path: &str, scheme: &str, (width, height): (u32, u32), there: &[(&str, &str)]| {
        browser.resize(width, height);
        browser.prefers(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
        browser.open(path);
        for (css, words) in there {
            browser.reads(css, words);
        }
        let _ = browser.screenshot(name);
    };
    let wide = (1440, 900);
    let main = world.at(&scene.chat(&format!("&wire={}", scene.retrying)));
    let sheet = [
        ("#live", "Live"),
        ("#sheet-state", "Retrying"),
        ("#signature", "agent id"),
        ("#chat-a .ticks .warn", "MuadDib"),
    ];
    takes("main-light", &main, "light", wide, &sheet);
    takes("main-dark", &main, "dark", wide, &sheet);
    let chat = [("#chat-a h2", "Sumarbústaðurinn"), ("#chat-a .send", "Send"), (".tabs", "Wire")];
    takes("main-390", &world.at(&scene.chat("")), "light", (390, 844), &chat);
    let wire = world.at(&scene.chat(&format!("&view=wire&wire={}", scene.retrying)));
    takes(
        "wire-390-dark",
        &wire,
        "dark",
        (390, 844),
        &[("#sheet-state", "Retrying"), ("#redeliver button", "Redeliver")],
    );
    takes("wirelist-390", &world.at(&scene.chat("&view=wire")), "light", (390, 844), &[("#rows .w", "MuadDib")]);
    let split = scene.chat(&format!("&split={}%2C{}&wire={}", scene.cabin, scene.sigrun, scene.retrying));
    takes(
        "split-light",
        &world.at(&split),
        "light",
        (1920, 1080),
        &[("#chat-b .as", "Sigrún"), ("#sheet-state", "Retrying")],
    );
    let refused = scene.chat(&format!("&q=agent%3AMuadDib+state%3Arefused&wire={}", scene.refused));
    takes(
        "signature-dark",
        &world.at(&refused),
        "dark",
        wide,
        &[("#sheet-state", "Refused"), (".readings", "matches")],
    );
    let replayed = scene.chat(&format!("&wire={}", scene.replayed));
    takes(
        "refused-light",
        &world.at(&replayed),
        "light",
        wide,
        &[("#sheet-state", "Refused"), (".say", "counts once")],
    );
    takes("search-light", &world.at("/search?q=kol"), "light", wide, &[(".hit mark", "kol")]);
    takes(
        "application-light",
        &world.at(&format!("/apps/{}", scene.app.id)),
        "light",
        (1440, 1060),
        &[("#health", "Delivered"), ("#app-agents", "Thor")],
    );
    takes("applications-dark", &world.at("/apps"), "dark", wide, &[("#apps", "Personal assistant")]);
    takes("login-light", &public.at("/login"), "light", wide, &[("h1", "Log in")]);
    empty
        .form("/apps", "name=Personal+assistant&webhook=http%3A%2F%2F127.0.0.1%3A9000%2Fwebhook&permission=user_chats");
    takes("first-light", &empty.at("/"), "light", wide, &[(".first", "Three steps"), (".legend", "given up")]);
    browser.open(&main);
    browser.press("?");
    browser.reads("#keys", "Speak as");
    let _ = browser.screenshot("keys-light");
    scene
        .world
        .makes_trouble(&scene.muaddib, &json!([{ "kind": "deliver_twice" }, { "kind": "answer_500", "every": 3 }]));
    for words in ["Hver sækir börnin?", "Ég geri það", "Takk 🙏"] {
        world.operator.says(&scene.petur, &scene.family, words);
    }
    let trouble = scene.chat("&pane=trouble");
    takes(
        "trouble-dark",
        &world.at(&trouble),
        "dark",
        wide,
        &[(".banner", "Trouble is on"), ("#d-deliver_twice", "so far")],
    );
}

/// Notes, in each frame, by how much what is being read has moved.
const WATCH: &str = "
    const top = e => e.getBoundingClientRect().top;
    const read = pane => { const from = top(document.querySelector(pane));
        return [...document.querySelectorAll(`${pane} > ol > [data-key]`)].find(e => top(e) >= from) };
    const still = [read('#chat-a .scroll'), read('#list'), document.querySelector('.sheet'), document.querySelector('#payload'), document.activeElement];
    const were = still.map(top);
    window.moved = still.map(() => 0);
    const look = () => { still.forEach((e, n) => { moved[n] = Math.max(moved[n], e.isConnected ? Math.abs(top(e) - were[n]) : 1e6) }); requestAnimationFrame(look) };
    look();
    return still.map(e => e.id || e.firstElementChild.id)";

#[test]
fn nothing_that_is_read_or_written_moves_while_fifty_messages_arrive() {
    let Some(browser) = Browser::start() else { return };
    let endpoint = Endpoint::that_takes_everything();
    let world = World::start();
    let ([petur, sigrun], thread, _) = family(&world, &endpoint.url);
    let numbers: Vec<u32> = (0..60).collect();
    world.each(&numbers, |operator, n| {
        operator.says(&petur, &thread, &format!("before {n}, {}", "of some length ".repeat(*n as usize % 12)));
    });
    world.settles();
    let row = world.row(&thread, "event:personal_chat_message");
    browser.open(&world.at(&format!("/t/{thread}?as={petur}&wire={row}")));
    browser.reads("#live", "Live");
    browser.click("#text-a");
    browser.inserts("a draft that nobody\nmay touch");
    // The divider was dragged, and both lists and the sheet are read further up or down.
    browser.run(
        "document.querySelector('#text-a').setSelectionRange(4, 9);
         document.querySelector('#list').style.height = '300px';
         document.querySelector('#chat-a .scroll').scrollTop = -700;
         document.querySelector('#list').scrollTop = -200;
         document.querySelector('.sheet .scroll').scrollTop = 120",
    );
    let written = "const area = document.activeElement;
        return [area.id, area.value, area.selectionStart, area.selectionEnd, document.querySelector('.sheet .scroll').scrollTop,
            document.querySelector('#list').offsetHeight, document.querySelector('.sheet').dataset.row]";
    let was = browser.run(written);
    assert_eq!(was, json!(["text-a", "a draft that nobody\nmay touch", 4, 9, 120, 300, row]));
    let still = browser.run(WATCH);
    world.each(&numbers[..50], |operator, n| {
        operator.says(&sigrun, &thread, &format!("news {n}, {}", "and more ".repeat(*n as usize % 9)));
    });
    world.settles();
    browser.reads("#chat-a .newest", "50 newer");
    browser.reads("#list .newest", "50 newer");
    // What became of them, too, in the rows that are out of sight.
    browser.reads("#agents", "healthy");
    assert_eq!(browser.run("return moved"), json!([0, 0, 0, 0, 0]), "{still}");
    assert_eq!(browser.run(written), was);
    for pane in ["#chat-a", "#list"] {
        browser.click(&format!("{pane} .newest"));
        browser.misses(&format!("{pane} .newest"));
        let at_end = "const list = document.querySelector(arguments[0]); const last = list.querySelector('ol').lastElementChild;
            return [last.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom + 1, last.innerText.includes('news')]";
        let scroll = if pane == "#list" { pane.to_owned() } else { format!("{pane} .scroll") };
        assert_eq!(browser.run_with(at_end, &json!([scroll])), json!([true, true]), "{pane}");
    }
}

#[test]
fn a_retry_changes_its_own_row_where_it_stands() {
    let Some(browser) = Browser::start() else { return };
    let world = World::start();
    let well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now = well.clone();
    let endpoint = Endpoint::start(move |webhook| {
        let fails = webhook.body.contains("kæfa") && !now.load(std::sync::atomic::Ordering::Relaxed);
        Answer::Whole(if fails { 500 } else { 200 }, String::new())
    });
    let ([petur, sigrun], thread, _) = family(&world, &endpoint.url);
    let say = |many: usize| (0..many).for_each(|n| world.operator.says(&sigrun, &thread, &format!("number {n}")));
    say(30);
    world.operator.says(&sigrun, &thread, "kæfa");
    let row = world.row(&thread, "state:retrying");
    say(30);
    browser.open(&world.at(&format!("/t/{thread}?as={petur}")));
    let css = format!("#w-{row}");
    browser.reads(&css, "retry");
    browser.run_with("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", &json!([css]));
    let look = "const row = document.querySelector(arguments[0]), message = document.getElementById(`m-a-${row.dataset.message}`);
        message.scrollIntoView({ block: 'center' });
        const boxes = () => [row, message].map(e => { const { top, height } = e.getBoundingClientRect(); return [top, height] });
        const place = () => [...row.closest('ol').children].indexOf(row.parentElement);
        window.was = JSON.stringify([boxes(), place(), row.querySelector('time').textContent]);
        window.others = new Set();
        const see = () => { const is = JSON.stringify([boxes(), place(), row.querySelector('time').textContent]);
            if (!row.isConnected || is !== was) others.add(is); requestAnimationFrame(see) };
        see();
        return row.innerText";
    let shown = browser.run_with(look, &json!([css]));
    // It is tried again, in vain, and the row says for when.
    browser.until("another attempt", || {
        let now = browser.run_with("return document.querySelector(arguments[0]).innerText", &json!([css]));
        (now != shown && now.as_str().unwrap().contains("retry")).then_some(())
    });
    well.store(true, std::sync::atomic::Ordering::Relaxed);
    let again =
        world.operator.lists("/operator/deliveries?state=retrying&limit=1")["deliveries"][0]["deliveryId"].clone();
    world.operator.call(Method::POST, &format!("/operator/deliveries/{again}/redeliver"), &Value::Null);
    browser.reads(&css, "200");
    browser.reads(
        &format!(
            "[data-message='{}'] .ticks",
            browser
                .run_with("return document.querySelector(arguments[0]).dataset.message", &json!([css]))
                .as_str()
                .unwrap()
        ),
        "1",
    );
    assert_eq!(
        browser.run("return [was, ...others]").as_array().unwrap().len(),
        1,
        "{}",
        browser.run("return [was, ...others]")
    );
    assert_eq!(browser.run_with("return document.querySelectorAll('#rows .w[data-message=\"' + document.querySelector(arguments[0]).dataset.message + '\"]').length", &json!([css])), 1);
}

const MANY: usize = 10_000;
/// So many of them come while the page is open.
const LIVE: usize = 1_000;

#[test]
fn ten_thousand_messages_and_deliveries_are_a_small_page_that_stays_at_its_end() {
    let Some(browser) = Browser::start() else { return };
    let endpoint = Endpoint::that_takes_everything();
    let world = World::start();
    let ([petur, sigrun], thread, muaddib) = family(&world, &endpoint.url);
    world.settles();
    // Ten thousand attempts are not what this is about.
    world.operator.call(Method::POST, &format!("/operator/agents/{muaddib}/pause"), &Value::Null);
    let numbers: Vec<usize> = (0..MANY).collect();
    let say = |operator: &Operator, n: &usize| operator.says(&sigrun, &thread, &format!("number {n}"));
    world.each(&numbers[LIVE..], say);
    browser.open(&world.at(&format!("/t/{thread}?as={petur}")));
    browser.reads("#live", "Live");
    browser.reads("#count", "9,002");
    browser.run(
        "window.most = { elements: 0, 'far back': 0, msgs: 0, rows: 0, away: 0 };
         window.following = true;
         const look = () => {
             const [chat, list] = ['#chat-a .scroll', '#list'].map(css => document.querySelector(css));
             const most = (name, value) => { window.most[name] = Math.max(window.most[name], value) };
             most(following ? 'elements' : 'far back', document.querySelectorAll('*').length);
             most('msgs', document.querySelectorAll('#msgs-a > [data-key]').length);
             most('rows', document.querySelectorAll('#rows > [data-key]').length);
             if (following && chat && list) most('away', Math.max(-chat.scrollTop, -list.scrollTop));
             requestAnimationFrame(look);
         };
         look()",
    );
    world.each(&numbers[..LIVE], say);
    let newest = |many: usize| -> Vec<(String, String)> {
        let page = world.operator.lists(&format!("/operator/threads/{thread}/messages?limit={many}"));
        let mut all: Vec<_> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (text(m, "chatMessageId"), text(m, "messageText")))
            .collect();
        all.reverse();
        all
    };
    let said = newest(100);
    let at_end = |what: &str| {
        browser.until(what, || {
            (browser.run("return document.querySelector('#msgs-a').lastElementChild.dataset.message")
                == said[99].0.as_str())
            .then_some(())
        });
        let shown = browser.run("return [...document.querySelectorAll('#msgs-a > .msg')].slice(-100).map(e => [e.dataset.message, e.querySelector('.text').textContent])");
        let shown: Vec<(String, String)> = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one[0].as_str().unwrap().to_owned(), one[1].as_str().unwrap().to_owned()))
            .collect();
        // A page that was opened afresh begins with fewer.
        assert!(shown.len() >= 50 && shown == said[100 - shown.len()..], "{what}: {shown:?}");
        shown.len()
    };
    assert_eq!(at_end("the last message"), 100);
    browser.reads("#count", "more than 10,000");
    let most = |name: &str| browser.run_with("return most[arguments[0]]", &json!([name])).as_u64().unwrap();
    assert_eq!(most("away"), 0, "it stays at its end");
    // Upwards, as far as a list goes.
    browser.run("following = false");
    for (scroll, list) in [("#chat-a .scroll", "#msgs-a"), ("#list", "#rows")] {
        let count = || {
            browser
                .run_with("return document.querySelectorAll(arguments[0] + ' > [data-key]').length", &json!([list]))
                .as_u64()
                .unwrap()
        };
        let first = || {
            browser
                .run_with("return document.querySelector(arguments[0] + ' > [data-key]').dataset.key", &json!([list]))
        };
        for _ in 0..8 {
            let was = first();
            browser.run_with(
                "const s = document.querySelector(arguments[0]); s.scrollTop = 1 - s.scrollHeight",
                &json!([scroll]),
            );
            browser.until("older ones", || (first() != was).then_some(()));
        }
        assert_eq!(count(), 400, "{list}");
        browser.sees(&format!("{scroll} .newest"));
    }
    browser.click("#chat-a .newest");
    at_end("the end of the chat");
    browser.run("document.querySelector('#list').focus()");
    browser.press("Ctrl+End");
    browser.misses("#list .newest");
    let newest_row = world.row(&thread, "event:personal_chat_message");
    assert_eq!(
        browser.run("return document.querySelector('#rows').lastElementChild.firstElementChild.id"),
        format!("w-{newest_row}")
    );
    assert!(most("msgs") <= 400 && most("rows") <= 400, "{} {}", most("msgs"), most("rows"));
    // As it is opened and while all comes; and where somebody has read as far back in both as a list goes.
    assert!(most("elements") <= 6_000 && most("far back") <= 11_000, "{} {}", most("elements"), most("far back"));
}

/// All kinds of pages with their whole address: those of the scene, of a host where nobody is yet, and where one logs in.
fn all_kinds(scene: &Scene, empty: &World, public: &World) -> Vec<Kind> {
    let at = |kind: Kind| Kind { path: scene.world.at(&kind.path), ..kind };
    let first = Kind { name: "first steps", path: empty.at("/"), must: &["#app-name", ".step.now .btn", ".first h2"] };
    let login = Kind { name: "login", path: public.at("/login"), must: &["#token", "h1", ".btn.primary"] };
    scene.pages().into_iter().map(at).chain([first, login]).collect()
}

/// Two people and an agent of one of them in a thread.
fn family(world: &World, webhook: &str) -> ([String; 2], String, String) {
    let o = &world.operator;
    let people = [o.person("Pétur", "Jureksson"), o.person("Sigrún", "Guðmundsdóttir")];
    let app = world.app("Personal assistant", webhook);
    let (muaddib, _) = o.agent(&app.id, &people[0], "MuadDib");
    let thread = o.thread("Fjölskyldan", &[&people[0], &people[1]]);
    o.makes(&format!("/operator/agents/{muaddib}/threads"), &json!({ "threadId": thread }));
    (people, thread, muaddib)
}

/// The tags of a page that maud wrote, in which `<` begins a tag and nothing else, with their attributes.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (mut attributes, mut inside) = (Vec::new(), after);
        let name: String = inside.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
        inside = &inside[name.len()..];
        loop {
            inside = inside.trim_start();
            if let Some(after) = inside.strip_prefix('>') {
                rest = after;
                break;
            }
            let attribute: String = inside.chars().take_while(|c| !c.is_whitespace() && !"=>".contains(*c)).collect();
            assert!(!attribute.is_empty(), "{}", &after[..after.len().min(200)]);
            inside = &inside[attribute.len()..];
            let mut value = "";
            if let Some(quoted) = inside.strip_prefix("=\"") {
                (value, inside) = quoted.split_once('"').expect("it is closed");
            }
            attributes.push((attribute.to_lowercase(), value.to_owned()));
        }
        if !name.starts_with(['/', '!']) {
            tags.push((name.to_lowercase(), attributes));
        }
    }
    tags
}

/// How small `gzip` makes something; nothing where there is no gzip, which is said.
fn gzipped(bytes: &[u8]) -> Option<usize> {
    let gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut gzip) = gzip else {
        let _ = writeln!(std::io::stderr(), "WITHOUT gzip: the size of the first paint was not measured");
        return None;
    };
    let mut input = gzip.stdin.take().expect("it is piped");
    let out = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes));
        gzip.wait_with_output()
    });
    Some(out.expect("it ends").stdout.len())
}
