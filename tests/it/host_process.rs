//! `host` as a process: what it keeps, what it refuses, how it ends.

use std::{fs, net::TcpListener, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use mewe_runtime::{
    clock::SystemClock,
    transport::{HttpTransport, Limits, Transport},
};
use rustix::process::Signal;

use crate::support::{Said, Server, mewe_agent, run};

fn refused(dir: &Path, listen: &str) -> Said {
    asked(dir, &["host", "--listen", listen])
}

/// What is said of arguments that it does not start with.
fn asked(dir: &Path, args: &[&str]) -> Said {
    let data = ["--data-dir", dir.to_str().unwrap()];
    run(&mut mewe_agent(args.iter().copied().chain(data)), b"")
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
    let said = asked(dir.path(), &["host", "--public", "--listen", "0.0.0.0:0"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.error().contains("MEWE_OPERATOR_TOKEN is not set"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn it_is_not_shown_to_others_without_being_told_that_they_are_to_log_in() {
    let dir = tempfile::tempdir().unwrap();
    for (args, words, hint) in [
        (&["host", "--listen", "0.0.0.0:0"][..], "at 0.0.0.0:0", "--public"),
        (&["host", "--listen", "[::]:0"], "at [::]:0", "--public"),
        (&["host", "--listen", "127.0.0.1:0", "--name", "chat.example.org"], "as chat.example.org", "--public"),
        (&["dev", "--listen", "0.0.0.0:0"], "0.0.0.0:0", "host --public"),
    ] {
        let data = ["--data-dir", dir.path().to_str().unwrap()];
        let mut command = mewe_agent(args.iter().copied().chain(data));
        let said = run(command.env("MEWE_OPERATOR_TOKEN", "a-token-of-our-own"), b"");
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.error().contains(words) && said.err.contains("hint: ") && said.err.contains(hint), "{said:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn alone_on_this_machine_it_shows_its_page_to_whoever_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = Server::host(dir.path());
    assert!(host.printed.contains(&format!("\nconsole: {}/\n", host.url)), "{}", host.printed);
    let (status, page) = Browser::new(&host.url).opens("/");
    assert!(status == 200 && page.contains("console"), "{status}: {page}");
}

#[test]
fn shown_to_others_it_asks_for_the_token_and_tells_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let token = "a-token-of-our-own";
    let args = ["host", "--public", "--listen", "0.0.0.0:0", "--name", "chat.example.org", "--data-dir", path];
    let host = Server::start(mewe_agent(args).env("MEWE_OPERATOR_TOKEN", token).env("MEWE_LOG", "trace"));
    let mut browser = Browser::new(&host.url);
    assert_eq!(browser.opens("/").0, 303);
    assert_eq!(browser.sends("/login", "token=wrong").0, 401);
    assert_eq!(browser.sends("/login", &format!("token={token}")).0, 303);
    let cookie = browser.cookie.clone().unwrap();
    let (status, page) = browser.opens("/");
    assert_eq!(status, 200);
    let form_token = page.split_once("name=\"form-token\" value=\"").unwrap().1[..64].to_owned();
    assert_eq!(browser.sends("/logout", "form-token=x").0, 403);
    assert_eq!(browser.sends("/logout", &format!("form-token={form_token}")).0, 303);
    assert_eq!(browser.opens("/").0, 303);
    let said = host.ends_on(Signal::TERM);
    assert!(said.err.contains("a login to the console failed"), "{said:?}");
    for secret in [token, &cookie, &form_token] {
        assert!(!said.out.contains(secret) && !said.err.contains(secret), "{secret}: {said:?}");
    }
}

/// A browser, as far as it is one here: it knows where it is, and keeps one cookie.
struct Browser {
    url: String,
    /// The cookie's value.
    cookie: Option<String>,
    http: HttpTransport,
    runtime: tokio::runtime::Runtime,
}

impl Browser {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            cookie: None,
            http: HttpTransport::new(Arc::new(SystemClock)).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn opens(&mut self, path: &str) -> (u16, String) {
        self.asks(Request::get(format!("{}{path}", self.url)), "")
    }

    fn sends(&mut self, path: &str, fields: &str) -> (u16, String) {
        let request = Request::post(format!("{}{path}", self.url)).header("origin", &self.url);
        self.asks(request.header("content-type", "application/x-www-form-urlencoded"), fields)
    }

    fn asks(&mut self, mut request: http::request::Builder, body: &str) -> (u16, String) {
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("mewe-console={cookie}"));
        }
        let limits = Limits { timeout: Duration::from_secs(30), max_body: 8 << 20 };
        let call = self.http.call(request.body(Bytes::from(body.to_owned())).unwrap(), limits);
        let answer = self.runtime.block_on(call).unwrap();
        if let Some(cookie) = answer.headers().get("set-cookie") {
            let cookie = cookie.to_str().unwrap().strip_prefix("mewe-console=").unwrap();
            self.cookie = cookie.split(';').next().filter(|value| !value.is_empty()).map(str::to_owned);
        }
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    }
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
