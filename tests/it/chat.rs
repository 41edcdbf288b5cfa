//! `chat` in a pipe: what is typed is said, what others say is printed.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{Operator, Server, mewe_agent, run};

/// A host on which Pétur and Sigrún share a thread.
struct World {
    host: Server,
    operator: Operator,
    sigrun: String,
    family: String,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Server::host(dir.path());
        let operator = host.operator(dir.path());
        let petur = operator.person("Pétur", "Jureksson");
        let sigrun = operator.person("Sigrún", "Guðmundsdóttir");
        let family = operator.thread("Family", &[&petur, &sigrun]);
        Self { host, operator, sigrun, family, dir }
    }

    fn chat(&self, args: &[&str]) -> Command {
        self.chat_with_token_in(self.dir.path(), args)
    }

    fn chat_with_token_in(&self, dir: &Path, args: &[&str]) -> Command {
        let common = ["chat", "--host", &self.host.url, "--data-dir", dir.to_str().unwrap()];
        mewe_agent(common.into_iter().chain(args.iter().copied()))
    }
}

/// A line without the time at its beginning.
fn words(line: &str) -> &str {
    line.split_once(' ').unwrap().1
}

#[test]
fn lines_of_a_pipe_are_said_in_order_and_a_name_becomes_a_mention() {
    let world = World::new();
    let said = run(&mut world.chat(&["--as", "pét", "--thread", "fam"]), "hello\n\n@Sigrún, are you there?".as_bytes());
    assert_eq!(said.code, 0, "{said:?}");
    let printed: Vec<&str> = said.out.lines().map(words).collect();
    assert_eq!(printed, ["Pétur Jureksson: hello", "Pétur Jureksson: @Sigrún Guðmundsdóttir, are you there?"]);
    let mention = format!("{{{{u_{}}}Sigrún Guðmundsdóttir}}, are you there?", world.sigrun);
    assert_eq!(world.operator.texts(&world.family), ["hello", &mention]);
}

#[test]
fn what_was_said_before_is_shown_first() {
    let world = World::new();
    for n in 0..12 {
        world.operator.says(&world.sigrun, &world.family, &format!("message {n}"));
    }
    let said = run(&mut world.chat(&["--as", "Pétur", "--thread", &world.family]), b"");
    let printed: Vec<&str> = said.out.lines().map(words).collect();
    assert_eq!((printed.len(), printed[0]), (10, "Sigrún Guðmundsdóttir: message 2"));
}

#[test]
fn an_answer_is_printed_when_it_comes_and_ends_the_waiting() {
    let world = World::new();
    let mut chat = world.chat(&["--as", "Pétur", "--wait", "300"]);
    let mut chat = chat.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    chat.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let mut lines = BufReader::new(chat.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(words(&lines.next().unwrap()), "Pétur Jureksson: hello");
    world.operator.says(&world.sigrun, &world.family, "hi\u{1b}[2J");
    assert_eq!(words(&lines.next().unwrap()), "Sigrún Guðmundsdóttir: hi\\u{1b}[2J");
    assert_eq!(lines.next(), None);
    assert_eq!(chat.wait().unwrap().code(), Some(0));
}

#[test]
fn who_and_where_must_be_clear() {
    let world = World::new();
    world.operator.person("Sigrún", "Pétursdóttir");
    for (args, words) in [
        (&["--as", "Gurney"][..], "there is no user `Gurney`"),
        (&["--as", "Sig"], "more than one user is `Sig`: Sigrún Guðmundsdóttir, Sigrún Pétursdóttir"),
        (&["--as", "Pétur", "--thread", "Work"], "there is no thread `Work`"),
        (&["--as", "Pétur", "--thread", "agent"], "has no agent"),
    ] {
        let said = run(&mut world.chat(args), b"hello\n");
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.error().contains(words), "{said:?}");
    }
    assert_eq!(world.operator.texts(&world.family), [""; 0]);
}

#[test]
fn without_the_token_nothing_is_asked_and_with_a_wrong_one_it_is_told() {
    let world = World::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let none = run(&mut world.chat_with_token_in(elsewhere.path(), &["--as", "Pétur"]), b"");
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.error().contains("no operator token"), "{none:?}");
    let wrong = run(world.chat(&["--as", "Pétur"]).env("MEWE_OPERATOR_TOKEN", "wrong"), b"");
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.error().contains("does not take this operator token"), "{wrong:?}");
}
