//! Two owners of one application in one process, whose agents sit in one thread too: nothing of one shows at the other.

use std::path::Path;

use mewe_protocol::AgentId;
use rusqlite::{Connection, types::ValueRef};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Operator, Server, lasting_address, mewe_agent, run, until};

/// An owner, their agent, and a thread that nobody else sits in.
struct Side {
    owner: String,
    agent: String,
    personal: String,
    own: String,
    /// A word that nobody else may ever see.
    canary: String,
}

impl Side {
    fn new(operator: &Operator, app: &str, (first, last): (&str, &str), agent: &str) -> Self {
        let owner = operator.person(first, last);
        let (agent, personal) = operator.agent(app, &owner, agent);
        let own = operator.thread("Own", &[&owner]);
        operator.makes(&format!("/operator/agents/{agent}/threads"), &json!({ "threadId": own }));
        let canary = format!("canary-of-{}", &owner[16..]);
        Self { owner, agent, personal, own, canary }
    }

    fn mention(&self) -> String {
        format!("{{{{u_{}}}Agent}}", self.agent)
    }

    /// What the other side must not have: ids of threads, and the word.
    fn secrets(&self) -> [&str; 3] {
        [&self.personal, &self.own, &self.canary]
    }
}

/// Waits until nobody has anything to do any more: all is delivered, all is handled, all is sent.
fn settles(operator: &Operator, agent: &Operator) {
    let newest = || -> Option<Value> {
        let idle = ["waiting", "in_flight", "retrying"].iter().all(|state| {
            let list = operator.lists(&format!("/operator/deliveries?limit=1&state={state}"));
            list["deliveries"].as_array().unwrap().is_empty()
        });
        idle.then(|| operator.lists("/operator/deliveries?limit=1")["deliveries"][0]["deliveryId"].clone())
    };
    until("all is quiet", || {
        let before = newest()?;
        let health = agent.lists("/health");
        let busy = |queue: &str| ["waiting", "running", "aside"].iter().any(|state| health[queue][state] != 0);
        // What was sent meanwhile would have become a delivery.
        (!busy("inbox") && !busy("outbox") && newest()? == before).then_some(())
    });
}

#[test]
fn nothing_of_one_owner_ever_shows_at_the_other_of_the_same_application() {
    let dir = tempfile::tempdir().unwrap();
    let host_dir = dir.path().join("host");
    let host = Server::host(&host_dir);
    let operator = host.operator(&host_dir);
    let address = lasting_address();
    let (app, key) = operator.app("Assistant", &format!("http://{address}/webhook"));
    let data = dir.path().join("agent");
    let args = ["run", "--owners", "any", "--listen", &address, "--data-dir", data.to_str().unwrap()];
    let mut command = mewe_agent(args);
    let assistant =
        Server::start(command.env("MEWE_HOST", &host.url).env("MEWE_APP_ID", &app).env("MEWE_API_KEY", &key));
    let agents = Operator::new(&format!("http://{address}"), "");
    let petur = Side::new(&operator, &app, ("Pétur", "Jureksson"), "MuadDib");
    let sigrun = Side::new(&operator, &app, ("Sigrún", "Guðmundsdóttir"), "Thor");
    let sides = [(&petur, &sigrun), (&sigrun, &petur)];
    let shared = operator.thread("Shared", &[&petur.owner, &sigrun.owner]);
    for (side, _) in sides {
        operator.makes(&format!("/operator/agents/{}/threads", side.agent), &json!({ "threadId": shared }));
    }
    settles(&operator, &agents);

    // Both are asked at once, and each answers once: the other's answer is nothing to answer to.
    operator.says(&petur.owner, &shared, &format!("{} {} are you there?", petur.mention(), sigrun.mention()));
    settles(&operator, &agents);
    for (side, _) in sides {
        let said = operator.said_by(&side.agent, &shared);
        assert_eq!(said.len(), 1, "{said:?}");
    }
    assert!(operator.said_by(&sigrun.agent, &shared)[0].contains("Sigrún"));

    // Not even if it is spoken to by name: two programs that answer each other never end.
    let words = format!("{} are you there?", sigrun.mention());
    let mut send = mewe_agent(["send", "--agent", &petur.agent, "--thread", &shared, &words]);
    send.env("MEWE_HOST", &host.url).env("MEWE_APP_ID", &app).env("MEWE_API_KEY", &key);
    assert_eq!(run(&mut send, b"").code, 0);
    settles(&operator, &agents);
    assert_eq!(operator.said_by(&sigrun.agent, &shared).len(), 1);

    // Each tells their own agent what the other must not learn, and asks for all that it knows.
    for (side, _) in sides {
        operator.says(&side.owner, &side.own, &format!("{} this is {}", side.mention(), side.canary));
        operator.says(&side.owner, &side.own, &format!("Remember the {}?", side.canary));
        operator.says(&side.owner, &side.personal, &format!("catch up {}", side.canary));
    }
    settles(&operator, &agents);
    for (side, other) in sides {
        for question in ["threads", "catch up", "catch up 1", "catch up 2", "help"] {
            operator.says(&side.owner, &side.personal, question);
            operator.says(&side.owner, &shared, &format!("{} {question}", side.mention()));
            // Asking the other's agent brings nothing out of it either.
            operator.says(&side.owner, &shared, &format!("{} {question}", other.mention()));
        }
    }
    settles(&operator, &agents);

    for (side, other) in sides {
        // Its own secret is known to it: the test looks in the right place.
        assert!(operator.texts(&side.personal).iter().any(|text| text.contains(&side.canary)));
        for thread in [&side.personal, &side.own, &shared] {
            for text in operator.said_by(&side.agent, thread) {
                for secret in other.secrets() {
                    assert!(!text.contains(secret), "{text}");
                }
            }
        }
        let heard =
            operator.said_by(&other.agent, &side.personal).len() + operator.said_by(&other.agent, &side.own).len();
        assert_eq!(heard, 0, "an agent spoke where it does not sit");
    }
    for text in operator.texts(&shared) {
        assert!(!text.contains(&petur.canary) && !text.contains(&sigrun.canary), "{text}");
    }
    let health = agents.lists("/health").to_string();
    assert_eq!(assistant.ends_on(Signal::TERM).code, 0);
    for (side, other) in sides {
        let kept = kept_for(&data.join("agent.db"), side.agent.parse().unwrap());
        assert!(holds(&kept, &side.canary), "what is kept for an agent was not found");
        for secret in other.secrets() {
            assert!(!holds(&kept, secret), "{secret} is kept for the other's agent");
            assert!(!health.contains(secret), "{health}");
        }
    }
}

/// All that is stored for `agent`: of each table that names an agent, its rows; of the queues, those of its lanes.
fn kept_for(file: &Path, agent: AgentId) -> Vec<u8> {
    let c = Connection::open(file).unwrap();
    let tables: Vec<String> = c
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut kept = Vec::new();
    for table in tables {
        let columns = c.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = columns.column_names().map(str::to_owned).collect();
        let whose = match columns.iter().map(String::as_str).find(|name| ["agent", "key"].contains(name)) {
            Some("agent") => "agent = ?1",
            Some(_) => "substr(key, 1, 12) = ?1",
            None => continue,
        };
        let mut rows = c.prepare(&format!("SELECT * FROM {table} WHERE {whose}")).unwrap();
        let mut rows = rows.query([agent.as_bytes()]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns.len() {
                if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(at).unwrap() {
                    kept.extend_from_slice(bytes);
                    kept.push(0);
                }
            }
        }
    }
    kept
}

/// Whether `bytes` hold a word, or an id in either of its forms.
fn holds(bytes: &[u8], secret: &str) -> bool {
    let contains = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    contains(secret.as_bytes()) || secret.parse::<AgentId>().is_ok_and(|id| contains(id.as_bytes()))
}
