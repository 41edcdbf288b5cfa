//! Written strictly, read generously.

use mewe_protocol::{
    MessageId, MessageText, UnixSeconds, decided,
    error::{ErrorBody, ErrorCode},
    json::{self, ReadError},
    message::{
        ChatMessage, MessagesPage, ReadMessage, ReadPage, ReadSent, SendMessage, SentMessage, message_time,
        timestamp_ms,
    },
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
        {"what":"is this"}, 7, null],"nextPage":"/api/dev/x","total":1e999}"#;
    let page = ReadPage::from_body(body).unwrap();
    assert_eq!(page.messages.len(), 3);
    assert_eq!(page.messages[0].text, "a");
    assert_eq!(page.messages[0].user_name, None);
    assert_eq!(page.messages[1].text, "");
    assert_eq!(page.messages[0].created_at.unwrap().as_second(), 1_763_920_800);
    assert_eq!(page.messages[1].created_at.unwrap().as_millisecond(), 1_763_920_800_123);
    assert_eq!(page.messages[2].created_at.unwrap().as_second(), 1_763_920_800);
    assert_eq!(page.next_page.as_deref(), Some("/api/dev/x"));
    for last in [r#"{"messages":[]}"#, r#"{"messages":[],"nextPage":null}"#, r#"{"messages":null,"list":[]}"#] {
        assert_eq!(ReadPage::from_body(last.as_bytes()).unwrap(), ReadPage::default(), "{last}");
    }
}

#[test]
fn what_our_host_writes_our_client_reads() {
    let message = ChatMessage {
        chat_message_id: "60ffe9492f19cd2677b0e2a2".parse().unwrap(),
        thread_id: "60ffe9492f19cd2677b0e1b1".parse().unwrap(),
        user_id: "607595295635495b3c80f6cd".parse().unwrap(),
        user_name: "Sigrún Guðmundsdóttir".into(),
        message_text: "hi".into(),
        created_at: "2026-11-23T18:00:00.123Z".parse().unwrap(),
    };
    let sent = SentMessage {
        chat_message_id: message.chat_message_id,
        thread_id: message.thread_id,
        created_at: message.created_at,
    };
    assert_eq!(
        String::from_utf8(json::print(&sent)).unwrap(),
        r#"{"chatMessageId":"60ffe9492f19cd2677b0e2a2","threadId":"60ffe9492f19cd2677b0e1b1","createdAt":"2026-11-23T18:00:00.123Z"}"#
    );
    let read = ReadSent::from_body(&json::print(&sent));
    assert_eq!(read, ReadSent { id: Some(sent.chat_message_id), created_at: Some(sent.created_at) });

    let page = MessagesPage { messages: vec![message.clone()], next_page: Some("/api/dev/x".into()) };
    let read = ReadPage::from_body(&json::print(&page)).unwrap();
    let expected = ReadMessage {
        id: message.chat_message_id,
        user_id: message.user_id,
        user_name: Some(message.user_name),
        text: message.message_text,
        created_at: Some(message.created_at),
    };
    assert_eq!(read, ReadPage { messages: vec![expected], next_page: page.next_page });
}

#[test]
fn one_odd_row_does_not_hide_the_others() {
    let row =
        |fields: &str| format!(r#"{{"id":"60ffe9492f19cd2677b0e2a2","userId":"607595295635495b3c80f6cd",{fields}}}"#);
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    let odd = [
        row(r#""messageText":"\ud800""#),
        row(r#""messageText":7,"messageText":8"#),
        row(&format!(r#""x":{deep}"#)),
        row(r#""createdAt":-9223372036854775808"#),
        row(r#""createdAt":1e999"#),
        row(r#""createdAt":"yesterday""#),
    ];
    let body = format!(r#"{{"messages":[{},{}]}}"#, odd.join(","), row(r#""text":"a""#));
    let page = ReadPage::from_body(body.as_bytes()).unwrap();
    assert_eq!(page.messages.len(), 7);
    assert!(page.messages[..6].iter().all(|message| message.text.is_empty() && message.created_at.is_none()));
    assert_eq!(page.messages[6].text, "a");
    assert_eq!(page.messages[6].user_name, None);
}

#[test]
fn a_page_without_rows_is_no_page() {
    let error = |body: &[u8]| ReadPage::from_body(body).unwrap_err();
    assert!(matches!(error(b"<html>"), ReadError::NotJson(_)));
    assert!(matches!(error(b""), ReadError::NotJson(_)));
    assert!(matches!(error(b"[]"), ReadError::Malformed(_)));
    assert!(error(br#"{"messages":7}"#).to_string().contains("`messages`"));
}

#[test]
fn a_time_is_written_with_milliseconds_and_never_later_than_it_is() {
    let written = |text: &str| timestamp_ms(text.parse().unwrap());
    assert_eq!(written("2026-11-23T18:00:00Z"), "2026-11-23T18:00:00.000Z");
    assert_eq!(written("2026-11-23T19:00:00.9996+01:00"), "2026-11-23T18:00:00.999Z");
}

#[test]
fn a_refusal_is_written_as_decided_and_read_generously() {
    let body = ErrorBody::new(ErrorCode::Invalid, "limit: 1 to 100");
    assert_eq!(json::print(&body), br#"{"error":{"code":"invalid","message":"limit: 1 to 100"}}"#);
    assert_eq!(json::read::<ErrorBody>(&json::print(&body)).unwrap(), body);
    let newer = json::read::<ErrorBody>(br#"{"error":{"code":"asleep","since":1},"id":7}"#).unwrap();
    assert_eq!((&*newer.error.code, &*newer.error.message), ("asleep", ""));
    assert!(json::read::<ErrorBody>(br#"{"errorCode":7,"message":"no"}"#).is_err());
}

#[test]
fn any_answer_to_a_send_is_sent() {
    assert_eq!(ReadSent::from_body(b""), ReadSent::default());
    assert_eq!(ReadSent::from_body(b"<html>"), ReadSent::default());
    assert_eq!(ReadSent::from_body(b"[]"), ReadSent::default());
    assert_eq!(ReadSent::from_body(b"\xff"), ReadSent::default());
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
    assert_eq!(of(id(1_764_000_300)), 1_764_000_300);
    assert_eq!(of(id(1_764_000_301)), 1_764_000_000);
    assert_eq!(of(id(1_764_000_000 - 6 * 86_400)), 1_764_000_000 - 6 * 86_400);
    assert_eq!(of(id(1_764_000_000 - 6 * 86_400 - 1)), 1_764_000_000);
    let created = "2026-11-23T18:00:00Z".parse().unwrap();
    assert_eq!(message_time(Some(created), id(5), sent), created);
    assert_eq!(message_time(None, id(0), UnixSeconds(3)).as_second(), 0, "before 1970 there is nothing");
    assert!(message_time(None, id(0), UnixSeconds(u64::MAX)).as_second() > 0);
}

#[test]
fn the_paths_are_those_that_were_decided() {
    let thread = "60ffe9492f19cd2677b0e1b1".parse().unwrap();
    assert_eq!(decided::send_path(thread), "/api/dev/chat/thread/60ffe9492f19cd2677b0e1b1/message");
    assert_eq!(decided::read_path(thread, 50), "/api/dev/chat/thread/60ffe9492f19cd2677b0e1b1/messages?limit=50");
}
