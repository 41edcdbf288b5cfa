//! The console, in a real browser.

use crate::support::{Browser, Server, mewe_agent};

#[test]
fn a_browser_finds_what_one_command_brought_up() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let dev = Server::start(&mut mewe_agent(args));
    browser.open(&format!("{}/health", dev.url));
    browser.reads("body", "\"status\":\"ok\"");
    browser.open(&dev.url);
    browser.reads("body", "MuadDib");
    assert!(browser.address().starts_with(&format!("{}/t/", dev.url)), "{}", browser.address());
    browser.is_for_everybody();
}
