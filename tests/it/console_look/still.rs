//! What is read or written stays where it is, whatever arrives; and ten thousand rows are a small page.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::Method;
use serde_json::{Value, json};

use super::{
    family,
    world::{Answer, Endpoint, World},
};
use crate::support::{Browser, Operator, text};

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
    let well = Arc::new(AtomicBool::new(false));
    let now = well.clone();
    let endpoint = Endpoint::start(move |webhook| {
        let fails = webhook.body.contains("kæfa") && !now.load(Ordering::Relaxed);
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
    let message = browser.run_with("return document.querySelector(arguments[0]).dataset.message", &json!([css]));
    let message = message.as_str().unwrap();
    // Both are in the middle of what is seen, and looked at in each frame.
    let look = "const row = document.querySelector(arguments[0]), bubble = document.getElementById(`m-a-${arguments[1]}`);
        for (const e of [row, bubble]) e.scrollIntoView({ block: 'center' });
        const box = e => { const { top, height } = e.getBoundingClientRect(); return [top, height] };
        const place = () => [...row.closest('ol').children].indexOf(row.parentElement);
        const is = () => JSON.stringify([row.isConnected, box(row), box(bubble), place(), row.querySelector('time').textContent]);
        window.seen = new Set();
        const see = () => { seen.add(is()); requestAnimationFrame(see) };
        see();
        return row.innerText";
    let shown = browser.run_with(look, &json!([css, message]));
    // It is tried again, in vain, and the row says for when.
    browser.until("another attempt", || {
        let now = browser.run_with("return document.querySelector(arguments[0]).innerText", &json!([css]));
        (now != shown && now.as_str().unwrap().contains("retry")).then_some(())
    });
    well.store(true, Ordering::Relaxed);
    // At once, if it is not attempted just now.
    let again = &world.operator.lists("/operator/deliveries?state=retrying&limit=1")["deliveries"][0]["deliveryId"];
    world.operator.call(Method::POST, &format!("/operator/deliveries/{again}/redeliver"), &Value::Null);
    browser.reads(&css, "200");
    browser.reads(&format!("#k-a-{message} .ok"), "1");
    let seen = browser.run("return [...seen]");
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    let rows = "return document.querySelectorAll(`#rows .w[data-message='${arguments[0]}']`).length";
    assert_eq!(browser.run_with(rows, &json!([message])), 1);
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
