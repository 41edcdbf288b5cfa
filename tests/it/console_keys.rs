//! The console by its keys alone: nothing is clicked.

use serde_json::json;

use crate::support::{Browser, Server, mewe_agent, text, until};

/// What has the focus: its id, or else its name.
fn focus(browser: &Browser) -> String {
    let focused = "const it = document.activeElement; return it.id || it.localName";
    browser.run(focused).as_str().unwrap().to_owned()
}

fn focuses(browser: &Browser, what: &str) {
    browser.until(what, || (focus(browser) == what).then_some(()));
}

/// Presses a key that leads to another page, and waits until that one has its script.
fn leads_on(browser: &Browser, chord: &str) {
    browser.run("window.__before = true");
    browser.press(chord);
    browser.until("another page is there", || {
        let there = "return !window.__before && document.readyState === 'complete'";
        (browser.run(there) == true).then_some(())
    });
}

#[test]
fn everything_is_done_from_the_keyboard() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let dev = Server::start(&mut mewe_agent(args));
    let operator = dev.operator(&dir.path().join("host"));
    let agent = operator.row("agents", "agentName", "MuadDib");
    let (muaddib, personal) = (text(&agent, "agentId"), text(&agent, "personalChatThreadId"));
    let user = |name| text(&operator.row("users", "name", name), "userId");
    let (petur, sigrun) = (user("Pétur Jureksson"), user("Sigrún Guðmundsdóttir"));
    let family = text(&operator.row("threads", "name", "Family"), "threadId");
    until("MuadDib has come", || (operator.said_by(&muaddib, &personal).len() == 3).then_some(()));
    browser.open(&format!("{}/t/{personal}?as={petur}", dev.url));
    browser.sees("#live:not(.off)");

    // Threads and people.
    browser.press("Alt+ArrowDown");
    browser.reads("#head-a h2", "Family");
    browser.press("Alt+ArrowUp");
    browser.reads("#head-a h2", "MuadDib");
    browser.press("Alt+ArrowDown");
    browser.reads("#head-a h2", "Family");
    browser.press("2");
    browser.reads("#people [aria-current]", "Sigrún");
    browser.press("1");
    browser.reads("#people [aria-current]", "Pétur");

    // Writing: letters are letters there, and the next person takes over with a chord.
    browser.press("c");
    focuses(&browser, "text-a");
    browser.inserts("j2?t");
    browser.press("Ctrl+.");
    browser.sees(&format!("#foot-a[data-as='{sigrun}']"));
    focuses(&browser, "text-a");
    browser.inserts("@Mu");
    browser.sees("#ats-a li");
    browser.press("Tab");
    browser.inserts("kol");
    browser.press("Shift+Enter");
    browser.inserts("og kaffi");
    browser.press("Enter");
    browser.reads("#msgs-a .mine .text", "og kaffi");
    assert_eq!(operator.said_by(&sigrun, &family), [format!("{{{{u_{muaddib}}}MuadDib}} kol\nog kaffi")]);
    until("MuadDib answers", || (!operator.said_by(&muaddib, &family).is_empty()).then_some(()));
    browser.press("ArrowUp");
    browser.until("the last text is back", || {
        let value = browser.run("return document.querySelector('#text-a').value");
        value.as_str().unwrap().contains("og kaffi").then_some(())
    });
    browser.press("Escape");
    focuses(&browser, "body");

    // The wire, and one delivery.
    browser.press("g");
    browser.press("w");
    let last = focus(&browser);
    assert!(last.starts_with("w-"), "{last}");
    browser.press("k");
    assert_ne!(focus(&browser), last);
    browser.press("j");
    assert_eq!(focus(&browser), last);
    browser.press("f");
    focuses(&browser, "q");
    browser.inserts("event:chat_mention");
    browser.press("Enter");
    browser.reads("#count", "1 fit");
    browser.press("Escape");
    browser.press("j");
    browser.press("Enter");
    browser.reads("#dl", "personal_chat_mention");
    browser.press("s");
    browser.reads("#signature", "Mask signature");
    browser.press("x");
    browser.reads("#payload pre", "{\"threadId\":\"");
    browser.press("r");
    browser.reads("#tries #try-2", "200");
    browser.press("m");
    browser.until("its message has the focus", || focus(&browser).starts_with("m-a-").then_some(()));
    browser.press("Escape");
    browser.misses("#sheet .sheet");
    browser.press("Escape");
    browser.until("the filter is gone", || (!browser.address().contains("q=")).then_some(()));
    browser.press("p");
    browser.sees("#pause[aria-pressed='true']");
    browser.press("End");
    browser.press("p");
    browser.sees("#pause[aria-pressed='false']");

    // Trouble.
    browser.press("t");
    browser.sees(".troubles");
    browser.run("document.querySelector('#sw-reorder').focus()");
    browser.press("Space");
    browser.reads("#banner", "reorder");
    leads_on(&browser, "Shift+T");
    browser.misses("#banner.banner");
    assert_eq!(operator.lists("/operator/trouble")["trouble"].as_array().map_or(0, Vec::len), 0);

    // Two panes, the list of keys, the search.
    leads_on(&browser, "\\");
    browser.sees("#chat-b");
    leads_on(&browser, "\\");
    browser.misses("#chat-b");
    browser.press("?");
    browser.reads("#keys", "Speak as the 1st");
    browser.press("2");
    browser.press("Escape");
    browser.misses("#keys");
    browser.press("Ctrl+k");
    focuses(&browser, "find");
    browser.press("Escape");
    browser.press("/");
    focuses(&browser, "find");
    browser.inserts("og kaffi");
    leads_on(&browser, "Enter");
    browser.reads("main", "og kaffi");
    assert!(browser.address().contains("/search?q="), "{}", browser.address());
}

#[test]
fn single_letters_can_be_turned_off() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.path().to_str().unwrap()];
    let dev = Server::start(&mut mewe_agent(args));
    browser.open(&dev.url);
    browser.sees("#live:not(.off)");
    browser.press("?");
    browser.click_on("#keys button", "Turn single letters off");
    browser.until("the page knows it", || {
        let closed = "return document.querySelectorAll(\"#keys[data-letters='off']:not([open])\").length";
        (browser.run(closed) == 1).then_some(())
    });
    browser.until("its script is there", || {
        (browser.run("return document.readyState === 'complete'") == true).then_some(())
    });
    for letter in ["?", "c", "t", "2", "/", "\\"] {
        browser.press(letter);
    }
    // A chord still acts, and comes after them.
    browser.press("Ctrl+k");
    focuses(&browser, "find");
    let what_letters_do = browser.run_with(
        "return [document.querySelector('#keys').open, location.search.includes('pane'), location.search.includes('split')]",
        &json!([]),
    );
    assert_eq!(what_letters_do, json!([false, false, false]));
}
