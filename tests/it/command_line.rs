//! The command line as such: help that is there, exit codes that hold, a reader who leaves.

use std::process::Stdio;

use crate::support::{mewe_agent, run};

const VERBS: [&str; 9] = ["dev", "run", "host", "chat", "send", "read", "sign", "verify", "completions"];

#[test]
fn every_verb_has_help_with_examples() {
    for verb in VERBS {
        let said = run(&mut mewe_agent([verb, "--help"]), b"");
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{verb}");
        assert!(said.out.contains("\nExamples:\n"), "{verb}");
    }
}

#[test]
fn no_flag_takes_a_secret() {
    for verb in VERBS {
        let help = run(&mut mewe_agent([verb, "--help"]), b"").out.to_lowercase();
        for flag in help.split_whitespace().filter(|word| word.starts_with("--")) {
            for secret in ["key", "token", "secret", "password"] {
                assert!(!flag.contains(secret), "{verb} {flag}");
            }
        }
    }
}

#[test]
fn the_exit_codes_are_documented_where_they_are_looked_for() {
    assert!(run(&mut mewe_agent(["--help"]), b"").out.contains("Exit codes: 0 done; 1 failed"));
    assert_eq!(run(&mut mewe_agent(["--version"]), b"").out, concat!("mewe-agent ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_is_two() {
    for args in [&["fly"][..], &["host", "--listen", "nowhere"], &["read"], &["send", "--thread", "x"], &[]] {
        let said = run(&mut mewe_agent(args.iter().copied()), b"");
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = mewe_agent(["completions", "bash"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_verdict_stands_even_if_nobody_reads_it() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut verify = mewe_agent(["verify", "webhook"]);
    let verify = verify.env("MEWE_API_KEY", "k3y").stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    assert_eq!(verify.status().unwrap().code(), Some(1));
}
