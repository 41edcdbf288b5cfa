//! `send` and `read` against a host: an agent's two verbs, from a shell.

use std::{path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Operator, Said, Server, mewe_agent, run};

/// A host on which Pétur has an agent, and the ids of both.
struct World {
    host: Server,
    operator: Operator,
    app: String,
    key: String,
    petur: String,
    agent: String,
    personal: String,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Server::host(dir.path());
        let operator = host.operator(dir.path());
        let petur = operator.person("Pétur", "Jureksson");
        // Nothing listens there: what the agent would hear does not matter here.
        let (app, key) = operator.app("MuadDib", "http://127.0.0.1:9/webhook");
        let (agent, personal) = operator.agent(&app, &petur, "MuadDib");
        Self { host, operator, app, key, petur, agent, personal, dir }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = mewe_agent(args.iter().copied());
        command
            .env("MEWE_HOST", &self.host.url)
            .env("MEWE_APP_ID", &self.app)
            .env("MEWE_API_KEY", &self.key)
            .env("MEWE_AGENT_ID", &self.agent);
        command
    }

    fn says(&self, args: &[&str], input: &[u8]) -> Said {
        run(&mut self.command(args), input)
    }
}

#[test]
fn what_an_agent_sends_is_in_the_thread_and_read_back() {
    let world = World::new();
    let sent = world.says(&["send", "--thread", &world.personal, "Hello, Pétur"], b"");
    assert_eq!((sent.code, sent.err.as_str()), (0, ""));
    assert_eq!(sent.out.trim().len(), 24);
    world.operator.says(&world.petur, &world.personal, "Hey {{u_607595295633495b3c80f6cf}MuadDib}!");
    let piped = world.says(&["send", "--thread", &world.personal, "--json"], b"two\nlines\n");
    let piped: Value = mewe_protocol::json::read(piped.out.as_bytes()).unwrap();
    let read = world.says(&["read", "--thread", &world.personal], b"");
    let words: Vec<&str> = read.out.lines().map(|line| line.split_once(' ').unwrap().1).map(str::trim).collect();
    let words: Vec<&str> = words.iter().map(|line| line.split_once(' ').map_or(*line, |(_, rest)| rest)).collect();
    assert_eq!(words, ["MuadDib: Hello, Pétur", "Pétur Jureksson: Hey @MuadDib!", "MuadDib: two", "lines"]);
    let json = world.says(&["read", "--thread", &world.personal, "--json", "--limit", "1"], b"");
    let page: Value = mewe_protocol::json::read(json.out.as_bytes()).unwrap();
    assert_eq!(page["messages"][0]["chatMessageId"], piped["chatMessageId"]);
    assert_eq!(page["messages"][0]["messageText"], "two\nlines");
    assert!(page["nextPage"].is_string());
}

#[test]
fn a_text_does_not_reach_the_terminal_as_a_command() {
    let world = World::new();
    world.operator.says(&world.petur, &world.personal, "look\u{1b}[2J\u{202e}here");
    let read = world.says(&["read", "--thread", &world.personal], b"");
    assert!(read.out.ends_with("Pétur Jureksson: look\\u{1b}[2J\\u{202e}here\n"), "{}", read.out);
}

#[test]
fn a_refusal_says_in_words_whose_fault_it_is() {
    let world = World::new();
    let (nobody, here) = ("0".repeat(24), world.personal.as_str());
    for (variable, value, thread, words, hint) in [
        ("MEWE_API_KEY", "another key", here, "signature", "compare MEWE_API_KEY"),
        ("MEWE_APP_ID", &nobody, here, "unknown_app", "check MEWE_APP_ID"),
        ("MEWE_AGENT_ID", &nobody, here, "unknown_agent", "check the agent's id"),
        ("MEWE_LOG", "", &nobody, "not_found", "check the thread's id"),
        ("MEWE_HOST", "http://127.0.0.1:9", here, "not reached", "check MEWE_HOST"),
    ] {
        let said = run(world.command(&["read", "--thread", thread]).env(variable, value), b"");
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.error().contains(words) && said.err.contains(&format!("hint: {hint}")), "{said:?}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_told_before_anything_is_sent() {
    let world = World::new();
    for (variable, value, text, words) in [
        ("MEWE_API_KEY", "", "hi", "MEWE_API_KEY is not set"),
        ("MEWE_APP_ID", "", "hi", "MEWE_APP_ID is not set"),
        ("MEWE_APP_ID", "x", "hi", "MEWE_APP_ID is wrong"),
        ("MEWE_AGENT_ID", "", "hi", "no agent is named"),
        ("MEWE_HOST", "http://mewe.com", "hi", "http is for loopback only"),
        ("MEWE_LOG", "", "  ", "text is empty"),
    ] {
        let said = run(world.command(&["send", "--thread", &world.personal, text]).env(variable, value), b"");
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.error().contains(words), "{said:?}");
    }
    assert_eq!(world.operator.texts(&world.personal), [""; 0]);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let file: PathBuf = world.dir.path().join("settings.toml");
    let text = format!("host = \"http://127.0.0.1:9\"\napp_id = \"{}\"\napi_key = \"{}\"\n", world.app, world.key);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let args = ["read", "--thread", &world.personal, "--agent", &world.agent, "--config", file.to_str().unwrap()];
    // Key and id of the file, host of the environment, which wins.
    assert_eq!(run(mewe_agent(args).env("MEWE_HOST", &world.host.url), b"").code, 0);
    // The host of the file.
    assert!(run(&mut mewe_agent(args), b"").error().contains("not reached"));
    // The host of the flag.
    let args = args.into_iter().chain(["--host", &world.host.url]);
    assert_eq!(run(mewe_agent(args).env("MEWE_HOST", "http://127.0.0.1:9"), b"").code, 0);
}
