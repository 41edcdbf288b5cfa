//! The eight events, and the one that is not known yet.

use mewe_protocol::{
    Payload,
    event::{AgentJoined, Mention, Registered},
    json::ReadError,
    webhook::Verified,
};

use crate::support::{AGENT, NOW};

fn decode(name: &str, body: &str) -> Result<Payload, ReadError> {
    Payload::decode(&name.parse().unwrap(), body.as_bytes())
}

fn malformed(name: &str, body: &str) -> String {
    match decode(name, body) {
        Err(ReadError::Malformed(words)) => words,
        other => panic!("{name} {body}: {other:?}"),
    }
}

#[test]
fn names_may_be_absent_or_null_since_they_are_decoration() {
    for names in ["", r#","agentName":null,"ownerFirstName":null"#] {
        let body = format!(
            r#"{{"ownerId":"607595295635495b3c80f6cd","personalChatThreadId":"60ffe9492f19cd2677b0f1a8"{names}}}"#
        );
        let Payload::Registered(Registered { agent_name, owner_first_name, .. }) =
            decode("personal_agent_registered", &body).unwrap()
        else {
            panic!("another event");
        };
        assert_eq!((&*agent_name, &*owner_first_name), ("", ""));
    }
    let body = r#"{"threadId":"60ffe9492f19cd2677b0e1b1","agentId":"607595295633495b3c80f6cf","agentName":"Thor","ownerId":"607595295635495b3c80f6cd"}"#;
    let joined = decode("personal_agent_joined_chat", body).unwrap();
    assert!(
        matches!(joined, Payload::AgentJoined(AgentJoined { agent_name, owner_name, .. }) if agent_name == "Thor" && owner_name.is_empty())
    );
    let body = r#"{"threadId":"60ffe9492f19cd2677b0e1b1","chatMessageId":"60ffe9492f19cd2677b0e2a2","messageText":"","userId":"607595295635495b3c80f6cd","userName":null,"new":{"field":1e999}}"#;
    let mention = decode("personal_chat_mention", body).unwrap();
    assert!(matches!(&mention, Payload::Mention(Mention { user_name: None, .. })));
    assert!(!String::from_utf8(mention.to_json()).unwrap().contains("userName"), "what is not known is not written");
}

#[test]
fn a_known_event_without_an_id_or_a_text_is_malformed_and_says_which() {
    let words = malformed("personal_agent_unregistered", "{}");
    assert!(words.contains("`ownerId`"), "{words}");
    let words = malformed("personal_agent_unregistered", r#"{"ownerId":"nobody"}"#);
    assert_eq!(words, "ownerId: an id is 24 hex digits");
    let words = malformed("personal_agent_unregistered", r#"{"ownerId":7}"#);
    assert!(words.starts_with("ownerId: ") && words.contains("an id of 24 hex digits"), "{words}");
    let message = r#"{"threadId":"60ffe9492f19cd2677b0e1b1","chatMessageId":"60ffe9492f19cd2677b0e2a2","userId":"607595295635495b3c80f6cd"}"#;
    let words = malformed("personal_chat_message", message);
    assert!(words.contains("`messageText`"), "{words}");
    malformed("personal_chat_message", "[]");
    malformed(
        "personal_agent_unregistered",
        r#"{"ownerId":"607595295635495b3c80f6cd","ownerId":"607595295635495b3c80f6ce"}"#,
    );
}

#[test]
fn an_unknown_event_keeps_its_name_and_its_json_as_it_came() {
    let body = r#"{ "postId": 1e2, "b":"\u00e9" }"#;
    let payload = decode("group_post_mention", body).unwrap();
    let Payload::Unknown { name, json } = &payload else { panic!("{payload:?}") };
    assert_eq!((name.as_str(), json.as_str()), ("group_post_mention", body));
    assert_eq!(payload.name(), *name);
    assert_eq!(payload.to_json(), body.as_bytes());
    malformed("group_post_mention", r#"{"a":1,"a":2}"#);
}

#[test]
fn bytes_that_are_no_json_are_no_event_whichever_it_is() {
    for name in Payload::NAMES.iter().chain(&["group_post_mention"]) {
        for body in ["", "{", "hello", "{}x"] {
            assert!(matches!(decode(name, body), Err(ReadError::NotJson(_))), "{name} {body}");
        }
    }
}

#[test]
fn what_a_store_kept_decodes_as_it_did_when_it_came() {
    let body = r#"{"ownerId":"607595295635495b3c80f6cd"}"#;
    let kept = Verified::from_store("personal_agent_unregistered".parse().unwrap(), AGENT, NOW, body.into());
    assert_eq!((kept.agent_id(), kept.sent_at(), &kept.body()[..]), (AGENT, NOW, body.as_bytes()));
    let event = kept.decode().unwrap();
    assert_eq!((event.agent_id(), event.sent_at()), (AGENT, NOW));
    assert_eq!(event.payload().name(), *kept.event_name());
    assert_eq!(event.clone().into_payload(), *event.payload());
}
