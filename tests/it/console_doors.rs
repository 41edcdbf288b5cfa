//! Other ways into the console than the usual one: for the first time, and through the login.

use serde_json::json;

use crate::support::{Browser, Operator, Server, lasting_address, mewe_agent};

const TOKEN: &str = "a-long-operator-token-for-tests-only";

#[test]
fn three_steps_lead_to_an_agent_that_answers() {
    let Some(browser) = Browser::start() else { return };
    let (dir, agent_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let host = Server::host(dir.path());
    let listen = lasting_address();
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
    let operator = Operator::new(&host.url, TOKEN);
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
