//! The conversation survives the death of either process, at any place where a crash could hurt.
//!
//! Host and assistant are processes of their own, each told to kill itself at the next place of a fixed plan. People go on
//! writing meanwhile. In the end every message is there once, and was answered once, in its thread's order.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, path::PathBuf, process::Command};

use http::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Died, Operator, Server, lasting_address, mewe_agent, until};

const HOST: [&str; 7] = [
    "host.message.before-commit",
    "host.message.after-commit",
    "host.delivery.before-call",
    "host.delivery.after-call",
    "host.delivery.after-record",
    "store.before-commit",
    "store.after-commit",
];

const AGENT: [&str; 8] = [
    "agent.accept.after-commit",
    "agent.handler.before-commit",
    "agent.handler.after-commit",
    "agent.send.before-call",
    "agent.send.after-call",
    "agent.send.after-record",
    "store.before-commit",
    "store.after-commit",
];

const TOKEN: &str = "a-token-for-tests-only";

/// One of the two processes, through all its lives.
struct Process {
    name: &'static str,
    args: Vec<String>,
    envs: Vec<(&'static str, String)>,
    /// Where it is to be killed, the next one last: a place, and at which passing.
    plan: Vec<(&'static str, u64)>,
    running: Option<Server>,
    /// How often it was killed where.
    killed: BTreeMap<&'static str, u32>,
}

impl Process {
    fn new(name: &'static str, args: &[&str], envs: &[(&'static str, &str)]) -> Self {
        Self {
            name,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            envs: envs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            plan: Vec::new(),
            running: None,
            killed: BTreeMap::new(),
        }
    }

    /// Plans `kills` deaths: every place at least twice, in an order and at passings of the dice's choice.
    fn is_to_be_killed(&mut self, places: &[&'static str], kills: usize, dice: &mut fastrand::Rng) {
        assert!(kills >= 2 * places.len());
        let mut plan: Vec<_> = (0..kills).map(|n| (places[n % places.len()], 1 + dice.u64(0..3))).collect();
        // A start alone commits a few times.
        for (place, nth) in &mut plan {
            if place.starts_with("store.") {
                *nth += dice.u64(0..8);
            }
        }
        dice.shuffle(&mut plan);
        self.plan = plan;
    }

    /// Sees to it that it runs, counting its deaths.
    fn lives(&mut self) {
        if let Some(server) = &mut self.running {
            let Some(died) = server.died() else { return };
            self.running = None;
            self.counts(&died);
        }
        while self.running.is_none() {
            let mut command: Command = mewe_agent(self.args.iter().map(String::as_str));
            command.envs(self.envs.iter().map(|(name, value)| (*name, value)));
            if let Some((place, nth)) = self.plan.last() {
                command.env("MEWE_KILL_AT", format!("{place}:{nth}"));
            }
            match Server::try_start(&mut command) {
                Ok(server) => self.running = Some(server),
                Err(died) => self.counts(&died),
            }
        }
    }

    fn counts(&mut self, died: &Died) {
        let (place, _) = self.plan.pop().unwrap_or_else(|| panic!("{} died unasked: {died:?}", self.name));
        let by_itself = died.status.signal() == Some(9) && died.err.ends_with(&format!("killed at {place}\n"));
        assert!(by_itself, "{} died otherwise: {died:?}", self.name);
        *self.killed.entry(place).or_default() += 1;
    }
}

/// What somebody writes, and how an answer to it can be known again.
#[derive(Debug, Clone)]
struct Line {
    user: String,
    thread: String,
    text: String,
    /// In the answer, in this thread.
    answer: String,
}

struct World {
    host: Process,
    agent: Process,
    operator: Operator,
    petur: String,
    sigrun: String,
    muaddib: String,
    personal: String,
    threads: Vec<String>,
    lines: Vec<Line>,
    _dir: TempDir,
}

impl World {
    fn new(host_args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { dir.path().join(name) };
        let (host_address, agent_address) = (lasting_address(), lasting_address());
        let host_dir = path("host");
        let args = ["host", "--listen", &host_address, "--data-dir", host_dir.to_str().unwrap()];
        let args: Vec<&str> = args.iter().chain(host_args).copied().collect();
        let mut host = Process::new("host", &args, &[("MEWE_OPERATOR_TOKEN", TOKEN)]);
        host.lives();
        let url = format!("http://{host_address}");
        let operator = Operator::new(&url, TOKEN);
        let petur = operator.person("Pétur", "Jureksson");
        let sigrun = operator.person("Sigrún", "Guðmundsdóttir");
        let (app, key) = operator.app("MuadDib", &format!("http://{agent_address}/webhook"));
        let agent_dir = path("agent");
        let args = ["run", "--listen", &agent_address, "--data-dir", agent_dir.to_str().unwrap()];
        let envs = [("MEWE_HOST", &*url), ("MEWE_APP_ID", &*app), ("MEWE_API_KEY", &*key)];
        let mut agent = Process::new("agent", &args, &envs);
        agent.lives();
        let (muaddib, personal) = operator.agent(&app, &petur, "MuadDib");
        let threads: Vec<String> = ["Family", "Work"].map(|name| operator.thread(name, &[&petur, &sigrun])).into();
        for thread in &threads {
            operator.makes(&format!("/operator/agents/{muaddib}/threads"), &json!({ "threadId": thread }));
        }
        Self { host, agent, operator, petur, sigrun, muaddib, personal, threads, lines: Vec::new(), _dir: dir }
    }

    /// Somebody writes the next line, whatever happens to the host meanwhile.
    fn somebody_writes(&mut self, dice: &mut fastrand::Rng) {
        let n = self.lines.len();
        let shared = self.threads[dice.usize(0..self.threads.len())].clone();
        let mention = format!("{{{{u_{}}}MuadDib}}", self.muaddib);
        let line = |user: &str, thread: &str, text: String, answer: String| Line {
            user: user.to_owned(),
            thread: thread.to_owned(),
            text,
            answer,
        };
        let line = match dice.u32(0..4) {
            0 => line(&self.petur, &self.personal, format!("catch up wrod{n:04}"), format!("wrod{n:04}")),
            1 => line(&self.petur, &shared, format!("{mention} this is Place{n:04}"), format!("Place{n:04}")),
            _ => line(&self.sigrun, &shared, format!("{mention} word{n:04}, please"), "Pétur".to_owned()),
        };
        let path = format!("/operator/threads/{}/messages", line.thread);
        let body = json!({ "userId": line.user, "text": line.text });
        let mut in_doubt = false;
        until("a line is in its thread", || {
            self.host.lives();
            self.agent.lives();
            if in_doubt {
                // Nobody knows what became of it. A person would look before writing again.
                let spoken = self.operator.try_spoken(&line.thread).ok()?;
                if spoken.iter().any(|spoken| spoken.text == line.text) {
                    return Some(());
                }
            }
            match self.operator.try_call(Method::POST, &path, &body) {
                Ok((201, _)) => Some(()),
                Ok((status, answer)) => panic!("{status} {answer}"),
                Err(_) => {
                    in_doubt = true;
                    None
                }
            }
        });
        self.lines.push(line);
    }

    /// How many lines are there to be answered yet; none when the host cannot be asked.
    fn unanswered(&mut self) -> Option<usize> {
        self.host.lives();
        self.agent.lives();
        let mut answered = 0;
        for thread in self.threads.iter().chain([&self.personal]) {
            let spoken = self.operator.try_spoken(thread).ok()?;
            let of_agent = spoken.iter().filter(|spoken| spoken.user == self.muaddib);
            // In the personal thread it says other things, too.
            answered += of_agent.filter(|s| *thread != self.personal || s.text.contains("wrod")).count();
        }
        Some(self.lines.len().saturating_sub(answered))
    }
}

/// Kills host and agent as often as told while people write, then judges the threads.
fn survives(host_args: &[&str], host_kills: usize, agent_kills: usize, exactly: bool) {
    let mut dice = fastrand::Rng::with_seed(0x5eed);
    let mut world = World::new(host_args);
    // They run unarmed until now: what was set up is not what is tested.
    if host_kills > 0 {
        world.host.is_to_be_killed(&HOST, host_kills, &mut dice);
        if let Some(server) = world.host.running.take() {
            server.kill();
        }
    }
    world.agent.is_to_be_killed(&AGENT, agent_kills, &mut dice);
    if let Some(server) = world.agent.running.take() {
        server.kill();
    }
    while !(world.host.plan.is_empty() && world.agent.plan.is_empty()) {
        world.somebody_writes(&mut dice);
        // A few may be under way at once.
        until("the agent keeps up", || world.unanswered().filter(|n| *n < 4));
    }
    until("everything is answered", || world.unanswered().filter(|n| *n == 0));
    let deliveries = |state: &str| {
        let list = world.operator.lists(&format!("/operator/deliveries?state={state}&limit=1"));
        list["deliveries"].as_array().unwrap().len()
    };
    until("everything is delivered", || (deliveries("waiting") + deliveries("retrying") == 0).then_some(()));
    for (process, places, kills) in [(&world.host, &HOST[..], host_kills), (&world.agent, &AGENT, agent_kills)] {
        assert_eq!(process.killed.values().sum::<u32>() as usize, kills, "{}", process.name);
        for place in places.iter().filter(|_| kills > 0) {
            assert!(process.killed.get(place).is_some_and(|n| *n >= 2), "{}: {place}", process.name);
        }
    }
    judge(&world, exactly);
}

fn judge(world: &World, exactly: bool) {
    for thread in world.threads.iter().chain([&world.personal]) {
        let lines: Vec<&Line> = world.lines.iter().filter(|line| line.thread == *thread).collect();
        let spoken = world.operator.spoken(thread);
        let by_people: Vec<&str> = spoken.iter().filter(|s| s.user != world.muaddib).map(|s| s.text.as_str()).collect();
        assert_eq!(by_people, lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>());
        let mut answers = world.operator.said_by(&world.muaddib, thread);
        if *thread == world.personal {
            answers.retain(|text| text.contains("wrod"));
        }
        in_order(&answers, lines.iter().map(|line| line.answer.as_str()), exactly);
    }
    // What Sigrún wanted was passed on, once and in the order of each thread.
    let passed_on = world.operator.said_by(&world.muaddib, &world.personal);
    for thread in &world.threads {
        let of_thread = world.lines.iter().filter(|line| line.thread == *thread && line.user == world.sigrun);
        let words: Vec<String> =
            of_thread.map(|line| line.text.split(' ').find(|w| w.starts_with("word")).unwrap().to_owned()).collect();
        let passed_on: Vec<String> =
            passed_on.iter().filter(|text| words.iter().any(|word| text.contains(word.as_str()))).cloned().collect();
        in_order(&passed_on, words.iter().map(String::as_str), exactly);
    }
}

/// Each of `answers` holds its word of `expected`, in that order; if not `exactly`, one may come twice, but none is missing.
fn in_order<'a>(answers: &[String], expected: impl Iterator<Item = &'a str>, exactly: bool) {
    let expected: Vec<&str> = expected.collect();
    if exactly {
        let fits = answers.len() == expected.len() && answers.iter().zip(&expected).all(|(a, word)| a.contains(word));
        assert!(fits, "expected {expected:#?}, found {answers:#?}");
    } else {
        let mut rest = answers.iter();
        for word in &expected {
            assert!(rest.any(|answer| answer.contains(word)), "{word} of {expected:#?} is missing in {answers:#?}");
        }
    }
}

#[test]
fn every_message_is_answered_once_and_in_order_though_both_sides_die_fifty_times() {
    survives(&[], 24, 26, true);
}

#[test]
fn against_a_host_without_replay_memory_nothing_is_lost() {
    survives(&["--forget-replays"], 0, 16, false);
}
