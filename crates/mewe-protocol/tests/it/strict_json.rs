//! What is read, what is refused, and what is printed.

use mewe_protocol::{
    decided::MAX_JSON_DEPTH,
    json::{self, ReadError},
    message::SendMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

fn is_malformed(text: &str) -> bool {
    matches!(json::check(text.as_bytes()), Err(ReadError::Malformed(_)))
}

fn is_no_json(bytes: &[u8]) -> bool {
    matches!(json::check(bytes), Err(ReadError::NotJson(_)))
}

#[test]
fn a_duplicate_key_is_malformed_however_it_is_spelled() {
    assert!(is_malformed(r#"{"a":1,"a":2}"#));
    assert!(is_malformed(r#"{"a":1,"\u0061":2}"#));
    assert!(is_malformed(r#"{"é\n":1,"\u00E9\u000a":2}"#));
    assert!(is_malformed(r#"[0,{"b":{"a":1,"c":[{}],"a":2}}]"#));
    assert!(is_malformed(r#"{"a":{"b":{}},"a":{}}"#), "after what was nested in it");
    assert!(json::check(br#"{"\u0061b":1,"\u0061c":2,"b\u0061":3,"c\u0061":4}"#).is_ok(), "alike in part only");
    assert!(json::check(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}],"A":1,"":0}"#).is_ok(), "another object, another case");
    let words = json::check(br#"{"a":1,"a":2}"#).unwrap_err().to_string();
    assert_eq!(words, "malformed: duplicate key `a`");
}

#[test]
fn a_lone_surrogate_is_malformed_and_a_pair_is_a_character() {
    for lone in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\ud800\ud800\udc00""#,
        r#""\ud800x""#,
        r#"{"\udfff":1}"#,
    ] {
        assert!(is_malformed(lone), "{lone}");
    }
    assert_eq!(json::read::<String>(br#""\ud83d\ude00 \uD83D\uDE00""#).unwrap(), "\u{1f600} \u{1f600}");
}

#[test]
fn nesting_is_fine_up_to_its_limit_whatever_is_nested() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(json::check(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert!(is_malformed(&nested(MAX_JSON_DEPTH + 1)));
        assert!(is_malformed(&nested(100_000)), "no stack is needed");
        assert!(is_no_json(open.repeat(100_000).as_bytes()), "what comes after the limit is looked at too");
    }
    let below = format!("{}{}", "[".repeat(70), "]".repeat(70));
    assert!(is_malformed(&format!(r#"[{below},{{"a":1,"b":2}}]"#)), "and it comes back up");
}

#[test]
fn an_object_of_twenty_thousand_keys_is_read() {
    let keys: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    assert!(json::check(format!("{{{}}}", keys.join(",")).as_bytes()).is_ok());
    assert!(is_malformed(&format!("{{{},\"k7\":0}}", keys.join(","))));
}

#[test]
fn what_is_no_json_is_told_from_what_is_malformed() {
    let no_json = [
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "\u{feff}{}",
        "{} {}",
        "'a'",
        "[1 2]",
        "\"\t\"",
        "\"\u{1f}\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\u12",
        "\"",
        "\"\\",
        "nul",
        "nulll",
        "truefalse",
        "]",
        "[}",
        "{]",
        "\u{b}1",
        "\u{a0}1",
    ];
    for text in no_json {
        assert!(is_no_json(text.as_bytes()), "{text:?}");
    }
    assert!(is_no_json(b"\"\xff\"") && is_no_json(b"\"\xed\xa0\x80\""), "not UTF-8");
    assert!(is_no_json(br#"{"a":1,"a":2"#), "no JSON, though malformed before that");
    for text in [
        "0",
        "-0",
        "1e999",
        "-1.5E+3",
        "\"\u{7f}/\\/\"",
        " [ ] ",
        "\t{\r\n}\n",
        "null",
        "123456789012345678901234567890",
    ] {
        assert!(json::check(text.as_bytes()).is_ok(), "{text:?}");
    }
}

#[test]
fn the_words_of_an_error_name_the_field_and_stay_short() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        people: Vec<SendMessage>,
    }
    let words = |body: &str| match json::read::<Outer>(body.as_bytes()) {
        Err(ReadError::Malformed(words)) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(words(r#"{"people":[{"text":"a"},{"text":" "}]}"#), "people[1].text: text is empty");
    assert_eq!(words(r#"{"people":[{"text":"a"},{}]}"#), "people[1]: missing field `text`");
    assert_eq!(words("{}"), "missing field `people`");
    assert_eq!(
        words(r#"{"people":" at line 7"}"#),
        r#"people: invalid type: string " at line 7", expected a sequence"#
    );
    let long = words(&format!(r#"{{"people":"{}"}}"#, "é".repeat(10_000)));
    assert_eq!(long.chars().count(), 201, "200 and the sign that something was left out");
}

#[test]
fn a_number_that_fits_nowhere_harms_nobody_in_a_field_that_nobody_reads() {
    assert!(json::read::<SendMessage>(br#"{"text":"a","weight":[1e999,123456789012345678901234567890]}"#).is_ok());
}

#[test]
fn control_characters_are_printed_as_the_service_prints_them() {
    let printed = json::print("\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{80}\u{9f}\u{a0}\u{2028}\u{feff}/\"\\é😀");
    let expected = "\"\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u0080\\u009f\u{a0}\u{2028}\u{feff}/\\\"\\\\é😀\"";
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
    let map = std::collections::BTreeMap::from([("\u{9f}", 1)]);
    assert_eq!(json::print(&map), br#"{"\u009f":1}"#, "in keys too");
}

#[test]
fn what_was_kept_as_it_came_is_printed_compact_too() {
    #[derive(Serialize)]
    struct Kept {
        raw: Box<RawValue>,
    }
    let raw = RawValue::from_string(r#"{ "a" : 1e2, "b" : "x  y" }"#.to_owned()).unwrap();
    assert_eq!(json::print(&Kept { raw }), br#"{"raw":{"a":1e2,"b":"x  y"}}"#);
}

#[test]
fn compacting_keeps_strings_and_whatever_is_no_white_space() {
    let compact = |text: &str| String::from_utf8(json::compact(text.as_bytes()).into_owned()).unwrap();
    assert_eq!(compact("\t{ \"a b\" :\r\n[ 1 , 2.50e+1 ] }\n"), r#"{"a b":[1,2.50e+1]}"#);
    assert_eq!(compact(r#"{ "\" " : "\\" , " \\\" " : 1 }"#), r#"{"\" ":"\\"," \\\" ":1}"#);
    assert_eq!(compact("\u{feff} \u{a0}\u{b}\u{c}"), "\u{feff}\u{a0}\u{b}\u{c}", "four white spaces and no other");
    assert_eq!(compact("a \"b c"), "a\"b c", "a string that does not end");
    assert_eq!(compact("\" \\"), "\" \\", "an escape that does not end");
    assert_eq!(compact("\\\" a \" b"), "\\\" a \"b", "no escape outside a string");
    assert_eq!(compact(" \n"), "");
    assert!(matches!(json::compact(b"{\"a\":\" \"}"), std::borrow::Cow::Borrowed(_)), "nothing to do, nothing copied");
    assert_eq!(&*json::stripped(b"{ \"a\tb\" :\x0b\x0c\r\n1 }"), b"{\"ab\":1}");
}
