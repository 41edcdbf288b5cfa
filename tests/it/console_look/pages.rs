//! Every kind of page: at every width, light and dark, for everybody; what it brings, what it weighs, how it looks.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use http::header;
use serde_json::{Value, json};

use super::{
    scene::{Kind, Scene},
    world::World,
};
use crate::support::Browser;

const WIDTHS: [u32; 8] = [360, 390, 760, 1080, 1100, 1320, 1440, 1920];

/// Letters are as wide as here on one machine, and as wide as there on another.
const FONTS: [&str; 2] = ["Noto Sans, sans-serif", "DejaVu Sans, Verdana, sans-serif"];

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
        for (font, width) in FONTS.into_iter().flat_map(|font| WIDTHS.map(|width| (font, width))) {
            browser.run_with("document.documentElement.style.setProperty('--font', arguments[0])", &json!([font]));
            browser.resize(width, if width < 760 { 780 } else { 900 });
            // On a narrow screen everything is behind these.
            let tabs = [".tabs a:first-child", ".tabs a:last-child"];
            let has_tabs = width < 760 && name != "login";
            let must: Vec<&str> = must.iter().chain(tabs.iter().filter(|_| has_tabs)).copied().collect();
            for misfit in browser.run_with(MISFITS, &json!([must])).as_array().unwrap() {
                wrong.push(format!("{name} at {width} in {font}: {}", misfit.as_str().unwrap()));
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
    let script = include_str!("../../../crates/mewe-host/src/console/assets/console.js");
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
    takes("search-light", &world.at("/search?q=charcoal"), "light", wide, &[(".hit mark", "charcoal")]);
    takes(
        "application-light",
        &world.at(&format!("/apps/{}", scene.app.id)),
        "light",
        (1440, 1060),
        &[("#health", "Delivered"), ("#app-agents", "Thor")],
    );
    takes("applications-dark", &world.at("/apps"), "dark", wide, &[("#apps", "Personal assistant")]);
    takes("login-light", &public.at("/login"), "light", wide, &[("h1", "Log in")]);
    takes("first-light", &empty.at("/"), "light", wide, &[(".first", "Three steps"), (".legend", "given up")]);
    browser.click(".step.now .btn.primary");
    browser.reads("#env", "MEWE_API_KEY");
    let _ = browser.screenshot("key-light");
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

/// All kinds of pages with their whole address: those of the scene, of a host where nobody is yet, and where one logs in.
fn all_kinds(scene: &Scene, empty: &World, public: &World) -> Vec<Kind> {
    let at = |kind: Kind| Kind { path: scene.world.at(&kind.path), ..kind };
    let first = Kind { name: "first steps", path: empty.at("/"), must: &["#app-name", ".step.now .btn", ".first h2"] };
    let login = Kind { name: "login", path: public.at("/login"), must: &["#token", "h1", ".btn.primary"] };
    scene.pages().into_iter().map(at).chain([first, login]).collect()
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
