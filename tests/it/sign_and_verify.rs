//! `sign` and `verify` agree with an independent implementation, case by case.

use serde_json::Value;

use crate::support::{Said, mewe_agent, run};

const KEY: &str = "k3y-0nly-for-tests-Ætt-42";
const AGENT: &str = "607595295633495b3c80f6cf";
const APP: &str = "6710c0ffee0123456789abcd";

fn cases() -> Vec<Value> {
    let text = include_bytes!("../../crates/mewe-protocol/tests/vectors.json");
    let all: Value = mewe_protocol::json::read(text).unwrap();
    all["cases"].as_array().unwrap().clone()
}

/// The headers of a case as `(name, value)`, in its own order or not.
fn headers(case: &Value) -> Vec<(String, String)> {
    let headers = case["headers"].as_object().unwrap();
    headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn header(case: &Value, name: &str) -> String {
    headers(case).into_iter().find(|(n, _)| n == name).unwrap().1
}

/// `verify` over the headers of `case`, with `more` at its end.
fn verify(case: &Value, more: &[&str]) -> Said {
    let mut args = vec!["verify".to_owned(), case["kind"].as_str().unwrap().to_owned()];
    for (name, value) in headers(case) {
        args.extend(["-H".to_owned(), format!("{name}: {value}")]);
    }
    args.extend(["--now".to_owned(), case["now"].to_string()]);
    let args = args.iter().map(String::as_str).chain(more.iter().copied());
    let body = case["body"].as_str().unwrap().as_bytes();
    run(mewe_agent(args).env("MEWE_API_KEY", case["api_key"].as_str().unwrap()), body)
}

/// `sign` with what `case` was signed from.
fn sign(case: &Value, more: &[&str]) -> Said {
    let kind = case["kind"].as_str().unwrap();
    let (name, value) = match kind {
        "webhook" => ("--event", header(case, "X-Event")),
        _ => ("--app", header(case, "X-App-Id")),
    };
    let (agent, at) = (header(case, "X-Agent-Id"), header(case, "X-Timestamp"));
    let args = ["sign", kind, name, &value, "--agent", &agent, "--timestamp", &at];
    let body = case["body"].as_str().unwrap().as_bytes();
    run(mewe_agent(args.into_iter().chain(more.iter().copied())).env("MEWE_API_KEY", KEY), body)
}

fn webhook(args: &[&str], body: &[u8]) -> Said {
    let args = ["sign", "webhook", "--event", "e", "--agent", AGENT].into_iter().chain(args.iter().copied());
    run(mewe_agent(args).env("MEWE_API_KEY", KEY), body)
}

#[test]
fn every_case_is_judged_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 47);
    for case in &cases {
        let said = verify(case, &[]);
        let expected = match case["verify"].as_str().unwrap() {
            "accept" => (0, "ok\n".to_owned()),
            _ => (1, format!("rejected: {}\n", case["why"].as_str().unwrap())),
        };
        assert_eq!((said.code, said.out), expected, "{}", case["name"]);
        assert_eq!(said.err.lines().count(), usize::try_from(said.code).unwrap(), "{}: {}", case["name"], said.err);
    }
}

#[test]
fn every_accepted_case_is_signed_with_the_same_headers_from_the_same_string() {
    let mut signed = 0;
    for case in cases().iter().filter(|case| case["verify"] == "accept") {
        let name = &case["name"];
        let said = sign(case, &[]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
        let mut lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
        let mut expected: Vec<String> = headers(case)
            .iter()
            .map(|(name, value)| match name.as_str() {
                "X-Signature" => format!("{name}: {}", value.to_lowercase()),
                _ => format!("{name}: {value}"),
            })
            .collect();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected, "{name}");
        assert_eq!(sign(case, &["--base"]).out, case["base"].as_str().unwrap(), "{name}");
        signed += 1;
    }
    assert!(signed > 20);
}

#[test]
fn what_was_signed_now_verifies_now() {
    let body = b"{ \"text\": \"Hello, Sigr\xc3\xban\" }";
    let mut command = mewe_agent(["sign", "request", "--app", APP, "--agent", AGENT]);
    let signed = run(command.env("MEWE_API_KEY", KEY), body);
    let names: Vec<&str> = signed.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, ["X-App-Id", "X-Agent-Id", "X-Timestamp", "X-Signature"]);
    let headers = signed.out.lines().flat_map(|line| ["-H", line]);
    let said = run(mewe_agent(["verify", "request"].into_iter().chain(headers)).env("MEWE_API_KEY", KEY), body);
    assert_eq!((said.code, said.out.as_str()), (0, "ok\n"));
}

#[test]
fn header_names_may_be_in_any_case_and_other_headers_do_not_matter() {
    let case = &cases()[0];
    let mut args = vec!["verify".to_owned(), "webhook".to_owned(), "-H".to_owned(), "Host: example.org".to_owned()];
    for (name, value) in headers(case) {
        args.extend(["-H".to_owned(), format!("{}:{value}", name.to_lowercase())]);
    }
    args.extend(["--now".to_owned(), case["now"].to_string()]);
    let mut command = mewe_agent(args.iter().map(String::as_str));
    assert_eq!(run(command.env("MEWE_API_KEY", KEY), case["body"].as_str().unwrap().as_bytes()).out, "ok\n");
}

#[test]
fn a_header_that_comes_twice_is_a_header_refused() {
    let case = &cases()[0];
    let said = verify(case, &["-H", "x-agent-id: 607595295633495b3c80f6cf"]);
    assert_eq!((said.code, said.out.as_str()), (1, "rejected: header\n"));
    assert_eq!(said.err, "hint: header x-agent-id is doubled\n");
}

#[test]
fn explaining_names_the_reading_that_matches() {
    let body = br#"{ "messageText": "a  b" }"#;
    let readings = ["compact", "raw", "stripped"];
    for reading in readings {
        let signed = webhook(&["--payload", reading, "--timestamp", "1764000000"], body);
        let headers: Vec<&str> = signed.out.lines().flat_map(|line| ["-H", line]).collect();
        let verify = |more: &[&str]| {
            let args = ["verify", "webhook", "--now", "1764000000"].iter().chain(&headers).chain(more).copied();
            run(mewe_agent(args).env("MEWE_API_KEY", KEY), body)
        };
        let line = |of: &str| format!("{of:<9} {}\n", if of == reading { "matches" } else { "does not match" });
        let verdict = if reading == "compact" { "ok\n" } else { "rejected: signature\n" };
        let all: String = readings.iter().map(|of| line(of)).collect();
        assert_eq!(verify(&["--explain"]).out, format!("{verdict}{all}"));
        assert_eq!(verify(&["--payload", reading]).out, "ok\n");
    }
}

#[test]
fn explaining_tells_a_clock_that_is_wrong_from_a_key_that_is_wrong() {
    let body = b"{}";
    let signed = webhook(&["--timestamp", "1764000000"], body);
    let headers: Vec<&str> = signed.out.lines().flat_map(|line| ["-H", line]).collect();
    let verify = |key: &str, now: &str| {
        let args = ["verify", "webhook", "--explain", "--now", now].into_iter().chain(headers.iter().copied());
        run(mewe_agent(args).env("MEWE_API_KEY", key), body)
    };
    let late = verify(KEY, "1764003600");
    assert!(late.out.starts_with("rejected: timestamp\ncompact   matches\n"), "{}", late.out);
    assert!(late.out.ends_with("timestamp 3600 s behind now; 300 s are allowed\n"), "{}", late.out);
    let other = verify("another key", "1764000000");
    assert!(
        other.out.ends_with("no reading matches: another key signed, or other bytes than these\n"),
        "{}",
        other.out
    );
}

#[test]
fn a_body_that_is_no_json_is_signed_and_verified_all_the_same() {
    for body in [&b"no json \" \\"[..], b"\xff\xfe\x00", b""] {
        let signed = webhook(&["--timestamp", "1764000000"], body);
        let headers = signed.out.lines().flat_map(|line| ["-H", line]);
        let args = ["verify", "webhook", "--now", "1764000000"].into_iter().chain(headers);
        assert_eq!(run(mewe_agent(args).env("MEWE_API_KEY", KEY), body).out, "ok\n");
    }
}

#[test]
fn a_body_is_taken_up_to_its_limit_and_no_further() {
    let mut body = vec![b'1'; 256 * 1024];
    assert_eq!(webhook(&[], &body).code, 0);
    body.push(b'1');
    let said = webhook(&[], &body);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.error().contains("larger than 262144 bytes"));
}

#[test]
fn a_missing_key_is_one_line_and_wrong_usage() {
    for verb in ["sign", "verify"] {
        let mut args = vec![verb, "webhook"];
        if verb == "sign" {
            args.extend(["--event", "e", "--agent", AGENT]);
        }
        for key in [None, Some("")] {
            let mut command = mewe_agent(args.clone());
            command.envs(key.map(|key| ("MEWE_API_KEY", key)));
            let said = run(&mut command, b"{}");
            assert_eq!((said.code, said.out.as_str()), (2, ""));
            assert_eq!(said.error().lines().count(), 1, "{}", said.err);
            assert!(said.err.contains("MEWE_API_KEY"));
        }
    }
}

#[test]
fn what_is_no_id_no_event_and_no_time_is_wrong_usage() {
    let wrong = [
        ["--event", "Upper", "--agent", AGENT, "--timestamp", "1"],
        ["--event", "e", "--agent", "607595295633495b3c80f6c", "--timestamp", "1"],
        ["--event", "e", "--agent", AGENT, "--timestamp", "+1"],
        ["--event", "e", "--agent", AGENT, "--payload", "pretty"],
    ];
    for args in wrong {
        let args = ["sign", "webhook"].into_iter().chain(args);
        let said = run(mewe_agent(args).env("MEWE_API_KEY", KEY), b"{}");
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        assert!(said.err.starts_with("error: "), "{}", said.err);
    }
}
