//! The first command of the README, and the conversation that it promises, seen from outside.

use std::path::Path;

use rustix::process::Signal;

use crate::support::{Operator, Server, mewe_agent, run, text, until};

/// What `dev` brought up, found as a new user finds it: through the operator API.
struct World {
    dev: Server,
    operator: Operator,
    petur: String,
    sigrun: String,
    muaddib: String,
    personal: String,
    family: String,
}

impl World {
    fn in_dir(dir: &Path) -> Self {
        let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir.to_str().unwrap()];
        let dev = Server::start(&mut mewe_agent(args));
        let operator = dev.operator(&dir.join("host"));
        let agent = operator.row("agents", "agentName", "MuadDib");
        let user = |name| text(&operator.row("users", "name", name), "userId");
        let (petur, sigrun) = (user("Pétur Jureksson"), user("Sigrún Guðmundsdóttir"));
        let family = text(&operator.row("threads", "name", "Family"), "threadId");
        operator.row("threads", "name", "Work");
        let (muaddib, personal) = (text(&agent, "agentId"), text(&agent, "personalChatThreadId"));
        Self { dev, operator, petur, sigrun, muaddib, personal, family }
    }

    /// Waits until MuadDib has said something new in `thread` that contains `words`.
    fn hears(&self, thread: &str, seen: usize, words: &str) -> String {
        until(words, || {
            let said = self.operator.said_by(&self.muaddib, thread);
            said.into_iter().skip(seen).find(|text| text.contains(words))
        })
    }

    fn count(&self, thread: &str) -> usize {
        self.operator.said_by(&self.muaddib, thread).len()
    }
}

#[test]
fn one_command_brings_up_a_conversation_and_the_second_start_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::in_dir(dir.path());
    world.hears(&world.personal, 0, "help");
    let before = world.count(&world.personal);
    world.operator.says(&world.petur, &world.personal, "help");
    world.hears(&world.personal, before, "catch up");
    let mention = format!("{{{{u_{}}}MuadDib}} shall we meet on Friday?", world.muaddib);
    world.operator.says(&world.sigrun, &world.family, &mention);
    world.hears(&world.family, 0, "Pétur");
    let before = world.count(&world.personal);
    world.operator.says(&world.petur, &world.personal, "catch up");
    world.hears(&world.personal, before, "Sigrún Guðmundsdóttir");

    let said = (world.operator.spoken(&world.personal).len(), world.operator.spoken(&world.family).len());
    let (muaddib, family) = (world.muaddib.clone(), world.family.clone());
    assert_eq!(world.dev.ends_on(Signal::INT).code, 0);
    let world = World::in_dir(dir.path());
    assert_eq!((&world.muaddib, &world.family), (&muaddib, &family));
    let before = world.count(&world.personal);
    world.operator.says(&world.petur, &world.personal, "threads");
    world.hears(&world.personal, before, "Sigrún Guðmundsdóttir");
    // The question and its answer, and nothing that had been said before once more.
    assert_eq!(world.operator.spoken(&world.personal).len(), said.0 + 2);
    assert_eq!(world.operator.spoken(&world.family).len(), said.1);
}

#[test]
fn a_person_talks_with_the_assistant_in_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::in_dir(dir.path());
    // All that it says unasked, so that what comes next is the answer.
    until("MuadDib has come", || (world.count(&world.personal) == 3).then_some(()));
    let args =
        ["chat", "--host", &world.dev.url, "--data-dir", dir.path().to_str().unwrap(), "--as", "Pétur", "--wait", "60"];
    let said = run(&mut mewe_agent(args), b"help\n");
    assert_eq!(said.code, 0, "{said:?}");
    let (before, after) = said.out.split_once("Pétur Jureksson: help\n").unwrap_or_else(|| panic!("{said:?}"));
    assert!(before.contains("MuadDib: ") && after.contains("MuadDib: ") && after.contains("catch up"), "{said:?}");
}

#[test]
fn a_start_that_was_killed_anywhere_is_completed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap().to_owned();
    let mut killed = 0;
    for point in ["store.before-commit", "store.after-commit"] {
        for nth in 1..=4 {
            let order = format!("{point}:{nth}");
            let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", &path];
            match Server::try_start(mewe_agent(args).env("MEWE_KILL_AT", &order)) {
                Ok(mut dev) => {
                    // It may have come up and be killed a moment later, or not pass the place that often.
                    killed += usize::from(dev.died().is_some());
                }
                Err(died) => {
                    assert!(died.err.contains("killed at"), "{died:?}");
                    killed += 1;
                }
            }
        }
    }
    assert!(killed >= 4, "only {killed} were killed");
    let world = World::in_dir(dir.path());
    for (noun, count) in [("users", 2), ("threads", 3), ("apps", 1), ("agents", 1)] {
        let list = world.operator.lists(&format!("/operator/{noun}"));
        assert_eq!(list[noun].as_array().unwrap().len(), count, "{list}");
    }
    let before = world.count(&world.personal);
    world.operator.says(&world.petur, &world.personal, "help");
    world.hears(&world.personal, before, "catch up");
}

#[test]
fn an_agent_of_ones_own_finds_a_host_and_what_it_needs_to_know() {
    let dir = tempfile::tempdir().unwrap();
    let address = crate::support::lasting_address();
    let webhook = format!("http://{address}/webhook");
    let path = dir.path().to_str().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", path, "--agent-url", &webhook];
    let command = &mut mewe_agent(args);
    let dev = Server::start_until(command, "MEWE_API_KEY=");
    let value = |name: &str| {
        let line = dev.printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} in {}", dev.printed)).to_owned()
    };
    let (host, app, key) = (value("MEWE_HOST"), value("MEWE_APP_ID"), value("MEWE_API_KEY"));
    let operator = Operator::new(&host, &std::fs::read_to_string(dir.path().join("host/operator-token")).unwrap());
    let data = dir.path().join("mine");
    let args = ["run", "--listen", &address, "--data-dir", data.to_str().unwrap()];
    let mut run = mewe_agent(args);
    let _agent = Server::start(run.env("MEWE_HOST", host).env("MEWE_APP_ID", app).env("MEWE_API_KEY", key));
    let agent = operator.row("agents", "agentName", "MuadDib");
    let (muaddib, personal) = (text(&agent, "agentId"), text(&agent, "personalChatThreadId"));
    until("its greeting", || operator.said_by(&muaddib, &personal).pop());
}
