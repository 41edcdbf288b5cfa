//! Ids are parsed and not trusted; keys are kept and not shown.

use std::collections::HashMap;

use mewe_protocol::{AgentId, ApiKey, MessageId, ThreadId, UserId, error::ErrorCode, json};

#[test]
fn an_id_is_24_hex_digits_in_either_case_and_prints_in_lower_case() {
    let id: ThreadId = "60FFE9492f19cd2677b0e1B1".parse().unwrap();
    assert_eq!(id.to_string(), "60ffe9492f19cd2677b0e1b1");
    assert_eq!(format!("{id:?}"), id.to_string());
    assert_eq!(format!("{id:>26}"), format!("  {id}"));
    assert_eq!(ThreadId::from_bytes(*id.as_bytes()), id);
    let no_ids = [
        "",
        "60ffe9492f19cd2677b0e1b",
        "60ffe9492f19cd2677b0e1b11",
        "60ffe9492f19cd2677b0e1bg",
        " 60ffe9492f19cd2677b0e1b",
    ];
    for no_id in no_ids {
        assert!(no_id.parse::<ThreadId>().is_err(), "{no_id}");
    }
}

#[test]
fn an_id_begins_with_its_time_and_sorts_by_it() {
    let [older, newer] = [1, 2].map(|seconds| MessageId::from_parts(seconds, [0xff; 8]));
    assert_eq!(older.unix_seconds(), 1);
    assert_eq!(older.to_string(), "00000001ffffffffffffffff");
    assert!(older < newer && older.to_string() < newer.to_string());
}

#[test]
fn an_agent_is_a_user() {
    let agent = AgentId::from_bytes([7; 12]);
    assert_eq!(UserId::from(agent).to_string(), agent.to_string());
}

#[test]
fn an_id_is_a_string_of_json_and_can_be_a_key() {
    let map: HashMap<UserId, u8> = HashMap::from([(UserId::from_bytes([0xab; 12]), 1)]);
    let printed = json::print(&map);
    assert_eq!(printed, br#"{"abababababababababababab":1}"#);
    assert_eq!(json::read::<HashMap<UserId, u8>>(&printed).unwrap(), map);
    assert_eq!(
        json::read::<[UserId; 1]>(br#"["\u0041BABABABABABABABABABABAB"]"#).unwrap()[0],
        UserId::from_bytes([0xab; 12])
    );
}

#[test]
fn a_key_shows_its_last_four_characters_at_most() {
    let key = ApiKey::new("k3y-0nly-for-tests").unwrap();
    assert_eq!(format!("{key:?} {:?}", Some(key.clone())), "ApiKey([REDACTED]) Some(ApiKey([REDACTED]))");
    assert_eq!(key.last_four(), "ests");
    assert_eq!(key.expose(), "k3y-0nly-for-tests");
    assert_eq!(ApiKey::new("elevenchárs").unwrap().last_four(), "");
    assert_eq!(ApiKey::new("twelve chárs").unwrap().last_four(), "hárs");
    assert!(ApiKey::new("").is_err() && ApiKey::new(" \n").is_err());
}

#[test]
fn a_code_of_an_error_is_one_word_of_its_status() {
    assert_eq!((ErrorCode::RateLimited.as_str(), ErrorCode::RateLimited.status()), ("rate_limited", 420));
    assert_eq!((ErrorCode::Replayed.as_str(), ErrorCode::Replayed.status()), ("replayed", 401));
    assert_eq!((ErrorCode::TooLarge.as_str(), ErrorCode::TooLarge.status()), ("too_large", 413));
}
