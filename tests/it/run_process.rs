//! `run` as a process: what it needs, what it refuses, how it ends.

use std::{net::TcpListener, path::Path, process::Command};

use rustix::process::Signal;

use crate::support::{Server, mewe_agent, run};

const APP: &str = "6710c0ffee0123456789abcd";

/// `run` with all that it needs; nothing listens at its host, which it does not ask for anything yet.
fn command(dir: &Path, listen: &str) -> Command {
    let mut command = mewe_agent(["run", "--listen", listen, "--data-dir", dir.to_str().unwrap()]);
    command.env("MEWE_HOST", "http://127.0.0.1:9").env("MEWE_APP_ID", APP).env("MEWE_API_KEY", "a-key-for-tests-only");
    command
}

#[test]
fn what_is_missing_or_wrong_is_one_line_and_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value, words) in [
        ("MEWE_API_KEY", "", "MEWE_API_KEY is not set"),
        ("MEWE_APP_ID", "", "MEWE_APP_ID is not set"),
        ("MEWE_APP_ID", "abc", "MEWE_APP_ID is wrong: an id is 24 hex digits"),
        ("MEWE_HOST", "http://mewe.com", "http is for loopback only"),
        ("MEWE_OWNERS", "everybody", "MEWE_OWNERS is wrong"),
        ("MEWE_SIGNATURE_PAYLOAD", "tight", "MEWE_SIGNATURE_PAYLOAD is wrong"),
        ("MEWE_CONFIG", "/nowhere/at/all.toml", "/nowhere/at/all.toml cannot be read"),
    ] {
        let said = run(command(dir.path(), "127.0.0.1:0").env(name, value), b"");
        assert_eq!(said.code, 2, "{name}: {said:?}");
        assert!(said.error().contains(words), "{name}: {said:?}");
    }
}

#[test]
fn a_port_in_use_and_a_directory_in_use_are_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run(&mut command(dir.path(), &address), b"");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("is in use by another process") && said.err.contains("hint: "), "{said:?}");
    let _first = Server::start(&mut command(dir.path(), "127.0.0.1:0"));
    let said = run(&mut command(dir.path(), "127.0.0.1:0"), b"");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("in use by another process") && said.err.contains("--data-dir"), "{said:?}");
}

#[test]
fn a_directory_that_holds_another_applications_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Server::start(&mut command(dir.path(), "127.0.0.1:0")).ends_on(Signal::TERM).code, 0);
    let said = run(command(dir.path(), "127.0.0.1:0").env("MEWE_APP_ID", "6710c0ffee0123456789abce"), b"");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("holds the data of another application"), "{said:?}");
}

#[test]
fn it_ends_well_when_it_is_asked_to_and_never_shows_its_key() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let said = Server::start(command(dir.path(), "127.0.0.1:0").env("MEWE_LOG", "trace")).ends_on(signal);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(!said.out.contains("a-key-for-tests-only") && !said.err.contains("a-key-for-tests-only"));
    }
}
