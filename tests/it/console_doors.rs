//! Other ways into the console than the usual one: without script, for the first time, and through the login.

use http::Method;
use serde_json::json;

use crate::support::{Browser, Server, mewe_agent, text, until};

const TOKEN: &str = "a-long-operator-token-for-tests-only";

/// From now on pages run nothing.
fn without_script(browser: &Browser) {
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
}

#[test]
fn everything_is_done_by_links_and_forms_where_no_script_runs() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let dev = Server::start(&mut mewe_agent(args));
    let operator = dev.operator(&dir.path().join("host"));
    let agent = operator.row("agents", "agentName", "MuadDib");
    let (muaddib, personal) = (text(&agent, "agentId"), text(&agent, "personalChatThreadId"));
    let family = text(&operator.row("threads", "name", "Family"), "threadId");
    let sigrun = text(&operator.row("users", "name", "Sigrún Guðmundsdóttir"), "userId");
    until("MuadDib has come", || (operator.said_by(&muaddib, &personal).len() == 3).then_some(()));
    without_script(&browser);

    // Somebody says something, as whom one likes.
    browser.open(&dev.url);
    browser.click_on("#threads a", "Family");
    browser.reads("#head-a h2", "Family");
    browser.click_on("#people a", "Sigrún");
    browser.reads("#people [aria-current]", "Sigrún");
    browser.types("#text-a", "@MuadDib without a script");
    browser.click("#foot-a .send");
    browser.reads("#msgs-a .mine .text", "@MuadDib without a script");
    assert_eq!(operator.said_by(&sigrun, &family), [format!("{{{{u_{muaddib}}}MuadDib}} without a script")]);
    until("MuadDib answers", || (!operator.said_by(&muaddib, &family).is_empty()).then_some(()));

    // A delivery is opened, shown, sent again.
    browser.open(&browser.address());
    browser.click("#msgs-a .mine .ticks a");
    browser.reads("#dl", "personal_chat_m");
    browser.click("#show");
    browser.reads("#signature", "Mask signature");
    browser.click_on("#payload .seg a", "Raw");
    browser.reads("#payload pre", "{\"threadId\":\"");
    browser.click("#redeliver button");
    browser.sees("#sheet .sheet");
    until("it is attempted again", || {
        let list = operator.lists("/operator/deliveries?limit=10");
        list["deliveries"].as_array().unwrap().iter().any(|row| row["attempts"] == 2).then_some(())
    });
    browser.click("#curl button");
    browser.reads("pre.env", "curl -X POST 'http://127.0.0.1:");

    // The wire is filtered, trouble is switched on and off.
    browser.open(&format!("{}/t/{family}?as={sigrun}", dev.url));
    browser.types("#q", "agent:Thor\n");
    browser.reads("#list .nothing", "Nothing matches agent:Thor");
    browser.click("#clear");
    browser.sees("#rows .w");
    browser.click("#to-trouble");
    browser.click("#sw-delay");
    browser.click("#tr-delay noscript button");
    browser.reads("#banner", "delay");
    let on = operator.lists(&format!("/operator/agents/{muaddib}/trouble"));
    assert!(on["switches"].to_string().contains("delay"), "{on}");
    browser.click("#all-off button");
    browser.misses("#banner.banner");
    let (status, on) = operator.call(Method::GET, "/operator/trouble", &json!(null));
    assert_eq!((status, on["agents"].as_array().map_or(0, Vec::len)), (200, 0), "{on}");

    // What is older is a page of its own, and leads back.
    for n in 0..60 {
        operator.says(&sigrun, &family, &format!("number {n}"));
    }
    browser.open(&format!("{}/t/{family}?as={sigrun}", dev.url));
    browser.reads("#msgs-a", "number 59");
    browser.click("#msgs-a .older a");
    browser.reads("#msgs-a", "@MuadDib without a script");
    browser.click_on("#chat-a .older a", "To the newest messages");
    browser.reads("#msgs-a", "number 59");
}

#[test]
fn three_steps_lead_to_an_agent_that_answers() {
    let Some(browser) = Browser::start() else { return };
    let (dir, agent_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let host = Server::host(dir.path());
    let listen = crate::support::lasting_address();
    browser.open(&host.url);
    browser.reads("#steps .now h3", "Register an application");
    let webhook = format!("http://{listen}/webhook");
    browser.run_with("document.querySelector('#steps input[type=url]').value = arguments[0]", &json!([webhook]));
    browser.click_on("#steps button", "Register");
    browser.reads("#steps .now h3", "Start your agent");
    let lines = browser.reads("#steps pre.env", "MEWE_API_KEY=");
    let mut agent = mewe_agent(["run", "--listen", &listen, "--data-dir", agent_dir.path().to_str().unwrap()]);
    for line in lines.lines() {
        if let Some((name, value)) = line.trim().split_once('=') {
            agent.env(name, value);
        }
    }
    let _agent = Server::start(&mut agent);
    // The key is shown this once.
    browser.open(&host.url);
    let key = lines.lines().find_map(|line| line.strip_prefix("MEWE_API_KEY=")).unwrap().trim().to_owned();
    let source = browser.run("return document.documentElement.outerHTML");
    assert!(!source.as_str().unwrap().contains(&key));
    browser.click("#demo");
    browser.reads("#head-a h2", "Family");
    browser.click_on("#threads a", "MuadDib");
    browser.reads("#head-a h2", "MuadDib");
    browser.reads("#msgs-a .msg .text", "I am MuadDib");
    browser.types("#text-a", "help\n");
    browser.reads("#msgs-a .mine ~ .msg .text", "catch up");
}

#[test]
fn a_public_host_shows_its_page_to_whoever_has_the_token_for_as_long_as_they_stay() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["host", "--public", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let host = Server::start(mewe_agent(args).env("MEWE_OPERATOR_TOKEN", TOKEN));
    let operator = crate::support::Operator::new(&host.url, TOKEN);
    let (petur, sigrun) = (operator.person("Pétur", "Jureksson"), operator.person("Sigrún", "Guðmundsdóttir"));
    let family = operator.thread("Family", &[&petur, &sigrun]);
    let there = format!("{}/t/{family}?as={petur}", host.url);

    browser.open(&there);
    browser.types("#token", "not the token\n");
    browser.reads("[role=alert]", "token");
    browser.types("#token", &format!("{TOKEN}\n"));
    // Where one wanted to go.
    browser.reads("#head-a h2", "Family");
    assert_eq!(browser.address(), there);
    browser.sees("#live:not(.off)");
    browser.types("#text-a", "behind the login\n");
    browser.reads("#msgs-a .mine .text", "behind the login");
    let source = browser.run("return document.documentElement.outerHTML + document.cookie");
    assert!(!source.as_str().unwrap().contains(TOKEN), "the token is in no page");
    assert!(!source.as_str().unwrap().contains("mewe-console="), "and the session in no script's reach");
    browser.click("#to-trouble");
    browser.reads("#wire", "On a public host nothing is made to go wrong");

    // Whoever logs out in one window is out in all.
    let first = browser.opens_window();
    browser.open(&there);
    browser.sees("#live:not(.off)");
    browser.click_on(".top button", "Log out");
    browser.sees("#token");
    browser.looks_into(&first);
    browser.sees("#token");
    operator.says(&sigrun, &family, "nobody sees this");
    assert!(!browser.run("return document.body.innerText").as_str().unwrap().contains("nobody sees this"));
}
