//! `host` as a process: what it keeps, what it refuses, how it ends.

use std::{fs, net::TcpListener, path::Path};

use rustix::process::Signal;

use crate::support::{Said, Server, mewe_agent, run};

fn refused(dir: &Path, listen: &str) -> Said {
    run(&mut mewe_agent(["host", "--listen", listen, "--data-dir", dir.to_str().unwrap()]), b"")
}

#[test]
fn the_operator_token_is_made_once_kept_for_its_owner_alone_and_never_printed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("operator-token");
    let host = Server::host(dir.path());
    assert!(host.printed.contains(file.to_str().unwrap()), "{}", host.printed);
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(token.trim().len(), 64);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(host.operator(dir.path()).lists("/operator/users")["users"].as_array().unwrap().len(), 0);
    let said = host.ends_on(Signal::TERM);
    assert!(!said.out.contains(token.trim()) && !said.err.contains(token.trim()), "{said:?}");
    let again = Server::host(dir.path());
    assert_eq!(fs::read_to_string(&file).unwrap(), token);
    again.operator(dir.path()).lists("/operator/users");
}

#[test]
fn a_token_of_the_environment_is_taken_and_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let args = ["host", "--listen", "127.0.0.1:0", "--data-dir", path];
    let host = Server::start(mewe_agent(args).env("MEWE_OPERATOR_TOKEN", "a-token-of-our-own"));
    crate::support::Operator::new(&host.url, "a-token-of-our-own").lists("/operator/users");
    assert!(!dir.path().join("operator-token").exists());
    assert!(!host.printed.contains("a-token-of-our-own"));
}

#[test]
fn it_ends_well_when_it_is_asked_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let said = Server::host(dir.path()).ends_on(signal);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn it_is_not_shown_to_other_machines_without_a_token_that_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let said = refused(dir.path(), "0.0.0.0:0");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.error().contains("MEWE_OPERATOR_TOKEN"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let said = refused(dir.path(), &addr);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains(&format!("{addr} is in use")) && said.err.contains("hint: "), "{said:?}");
}

#[test]
fn a_data_directory_that_cannot_be_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let said = refused(&file.join("data"), "127.0.0.1:0");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("hint: choose a --data-dir"), "{said:?}");
}

#[test]
fn a_data_directory_that_another_process_holds_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Server::host(dir.path());
    let said = refused(dir.path(), "127.0.0.1:0");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("in use by another process") && said.err.contains("--data-dir"), "{said:?}");
}

#[test]
fn a_database_of_a_newer_version_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Server::host(dir.path()).ends_on(Signal::TERM).code, 0);
    let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let database = files.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "db")).unwrap();
    let mut bytes = fs::read(&database).unwrap();
    // Where SQLite keeps user_version: the number of the schema.
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(&database, bytes).unwrap();
    let said = refused(dir.path(), "127.0.0.1:0");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error().contains("newer version") && said.err.contains("hint: "), "{said:?}");
}
