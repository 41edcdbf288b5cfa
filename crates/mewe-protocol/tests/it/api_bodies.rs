//! Written strictly, read generously.

use mewe_protocol::{
    MessageId, MessageText, UnixSeconds, json,
    message::{ChatMessage, MessagesPage, ReadPage, ReadSent, SendMessage, message_time},
};

#[test]
fn a_page_is_written_exactly_as_decided() {
    let page = MessagesPage {
        messages: vec![ChatMessage {
            chat_message_id: "60ffe9492f19cd2677b0e2a2".parse().unwrap(),
            thread_id: "60ffe9492f19cd2677b0e1b1".parse().unwrap(),
            user_id: "607595295635495b3c80f6cd".parse().unwrap(),
            user_name: "Pétur Jureksson".into(),
            message_text: "hi".into(),
            created_at: "2026-11-23T18:00:00Z".parse().unwrap(),
        }],
        next_page: None,
    };
    assert_eq!(
        String::from_utf8(json::print(&page)).unwrap(),
        r#"{"messages":[{"chatMessageId":"60ffe9492f19cd2677b0e2a2","threadId":"60ffe9492f19cd2677b0e1b1","userId":"607595295635495b3c80f6cd","userName":"Pétur Jureksson","messageText":"hi","createdAt":"2026-11-23T18:00:00.000Z"}],"nextPage":null}"#
    );
}

#[test]
fn a_page_of_another_host_is_understood() {
    let body = br#"{"list":[
        {"id":"60FFE9492F19CD2677B0E2A2","authorId":"607595295635495b3c80f6cd","text":"a","date":1763920800,"new":[1]},
        {"chatMessageId":"60ffe9492f19cd2677b0e2a3","userId":"607595295635495b3c80f6cd","messageText":null,"createdAt":1763920800123},
        {"chatMessageId":"60ffe9492f19cd2677b0e2a4","userId":"607595295635495b3c80f6cd","createdAt":"2025-11-23T18:00:00.5Z"},
        {"what":"is this"}],"nextPage":"/api/dev/x"}"#;
    let page = ReadPage::from_body(body).unwrap();
    assert_eq!(page.messages.len(), 3);
    assert_eq!(page.messages[0].text, "a");
    assert_eq!(page.messages[0].user_name, None);
    assert_eq!(page.messages[1].text, "");
    assert_eq!(page.messages[0].created_at.unwrap().as_second(), 1_763_920_800);
    assert_eq!(page.messages[1].created_at.unwrap().as_millisecond(), 1_763_920_800_123);
    assert_eq!(page.messages[2].created_at.unwrap().as_second(), 1_763_920_800);
    assert_eq!(page.next_page.as_deref(), Some("/api/dev/x"));
}

#[test]
fn any_answer_to_a_send_is_sent() {
    assert_eq!(ReadSent::from_body(b""), ReadSent::default());
    assert_eq!(ReadSent::from_body(b"<html>"), ReadSent::default());
    assert_eq!(ReadSent::from_body(br#"{"id":7}"#), ReadSent::default());
    let sent = ReadSent::from_body(br#"{"id":"60ffe9492f19cd2677b0e2a2","createdAt":"2026-11-23T18:00:00.000Z"}"#);
    assert_eq!(sent.id, Some("60ffe9492f19cd2677b0e2a2".parse().unwrap()));
    assert!(sent.created_at.is_some());
}

#[test]
fn a_text_is_trimmed_and_counted_in_characters() {
    let text = |s: &str| s.parse::<MessageText>();
    assert_eq!(text("  hé \n").unwrap().as_str(), "hé");
    assert!(text(" \n\t ").is_err());
    assert!(text(&"é".repeat(10_000)).is_ok());
    assert!(text(&"é".repeat(10_001)).is_err());
    let error = json::read::<SendMessage>(br#"{"text":" "}"#).unwrap_err().to_string();
    assert!(error.contains("text"), "{error}");
    let error = json::read::<SendMessage>(br"{}").unwrap_err().to_string();
    assert!(error.contains("`text`"), "{error}");
}

#[test]
fn a_messages_time_is_the_hosts_if_it_can_be_had() {
    let id = |seconds| MessageId::from_parts(seconds, [0; 8]);
    let sent = UnixSeconds(1_764_000_000);
    let of = |id| message_time(None, id, sent).as_second();
    assert_eq!(of(id(1_763_999_000)), 1_763_999_000);
    assert_eq!(of(id(1_764_000_301)), 1_764_000_000);
    assert_eq!(of(id(1_764_000_000 - 6 * 86_400)), 1_764_000_000 - 6 * 86_400);
    assert_eq!(of(id(1_764_000_000 - 6 * 86_400 - 1)), 1_764_000_000);
    let created = "2026-11-23T18:00:00Z".parse().unwrap();
    assert_eq!(message_time(Some(created), id(5), sent), created);
}
