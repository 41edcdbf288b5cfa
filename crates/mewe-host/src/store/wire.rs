//! The wire as it is looked at: deliveries and calls in one order, that of their beginning.

use jiff::Timestamp;
use mewe_protocol::{AgentId, MessageId, ThreadId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql};

use super::deliveries::State;

/// A delivery begins.
pub(crate) fn delivery(c: &Connection, delivery: i64) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO wire (delivery) VALUES (?1)")?.execute([delivery])?;
    Ok(())
}

/// A call was answered.
pub(crate) fn call(c: &Connection, call: i64) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO wire (call) VALUES (?1)")?.execute([call])?;
    Ok(())
}

/// A row of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) what: What,
    /// The event, or the verb.
    pub(crate) name: String,
    pub(crate) agent: Option<AgentId>,
    /// Empty when nobody knows the agent.
    pub(crate) agent_name: String,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) message: Option<MessageId>,
    /// The beginning of what was said, if that is what it is about; else the name of the thread.
    pub(crate) words: Option<String>,
    /// Milliseconds of the last attempt, or of the call.
    pub(crate) took: Option<i64>,
    /// What was done to it on purpose.
    pub(crate) trouble: Option<String>,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Delivery {
        id: i64,
        state: State,
        due: Timestamp,
        status: Option<u16>,
        error: Option<String>,
        /// Why it waits, beside its turn.
        held: Option<Held>,
        test: bool,
    },
    Call {
        id: i64,
        status: u16,
        code: Option<String>,
        cause: Option<String>,
    },
}

/// Why a delivery waits although it is its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The agent is paused.
    Paused,
    /// The endpoint asked to be left alone.
    Disabled,
}

/// What is looked for; what is not given fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sought {
    /// The agent's name in any case, or its id.
    pub(crate) agent: Option<String>,
    /// The event with or without `personal_`, or the verb.
    pub(crate) event: Option<String>,
    /// A state of a delivery; or `answered`, `refused`, `trouble`.
    pub(crate) state: Option<String>,
    pub(crate) message: Option<MessageId>,
    /// Somewhere in what was said, or in why it failed.
    pub(crate) text: Option<String>,
}

const FROM: &str = "
    FROM wire w
    LEFT JOIN deliveries d ON d.id = w.delivery
    LEFT JOIN delivery_queue q ON q.id = w.delivery
    LEFT JOIN calls c ON c.id = w.call
    LEFT JOIN messages m ON m.id = COALESCE(d.message, c.message)
    LEFT JOIN agents a ON a.id = COALESCE(d.agent, c.agent)
    LEFT JOIN apps ON apps.id = d.app";

/// Characters of a message that a row shows; none has more than four bytes.
const MOST_WORDS: usize = 200;

const COLUMNS: &str = "
    w.id, COALESCE(d.created, c.at), COALESCE(d.event, c.verb), COALESCE(d.agent, c.agent), COALESCE(a.name, ''),
    COALESCE(d.thread, c.thread), COALESCE(d.message, c.message), substr(CAST(m.text AS BLOB), 1, 800),
    COALESCE(c.took, (SELECT took FROM attempts WHERE delivery = d.id ORDER BY number DESC LIMIT 1)),
    COALESCE(d.trouble, c.trouble),
    d.id, d.state, q.due, d.last_status, d.last_error, a.paused, apps.disabled IS NOT NULL, d.test,
    c.id, c.status, c.code, c.cause, substr(c.body, 1, 1000),
    CASE WHEN m.id IS NULL THEN (SELECT name FROM threads WHERE id = COALESCE(d.thread, c.thread)) END";

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let what = if let Some(id) = row.get(10)? {
        let held = if row.get::<_, Option<bool>>(15)? == Some(true) {
            Some(Held::Paused)
        } else if row.get(16)? {
            Some(Held::Disabled)
        } else {
            None
        };
        What::Delivery {
            id,
            state: super::parsed(row, 11)?,
            due: super::time(row, 12)?,
            status: row.get(13)?,
            error: row.get(14)?,
            held,
            test: row.get(17)?,
        }
    } else {
        What::Call { id: row.get(18)?, status: row.get(19)?, code: row.get(20)?, cause: row.get(21)? }
    };
    // As bytes: SQLite ends a text at the first NUL in it.
    let words: Option<Vec<u8>> = row.get(7)?;
    let words = words.map(|words| String::from_utf8_lossy(&words).chars().take(MOST_WORDS).collect());
    let body: Option<Vec<u8>> = row.get(22)?;
    Ok(Row {
        id: row.get(0)?,
        at: super::time(row, 1)?,
        what,
        name: row.get(2)?,
        agent: super::optional_id(row, 3)?,
        agent_name: row.get(4)?,
        thread: super::optional_id(row, 5)?,
        message: super::optional_id(row, 6)?,
        // What was refused became no message: it is known by what it came with.
        words: words.or(body.map(|body| String::from_utf8_lossy(&body).into_owned())).or(row.get(23)?),
        took: row.get(8)?,
        trouble: row.get(9)?,
    })
}

impl Sought {
    /// The condition, and its parameters in their order.
    fn condition(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut all = vec!["TRUE".to_owned()];
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(agent) = &self.agent {
            all.push("(a.name = ? COLLATE NOCASE OR lower(hex(a.id)) = lower(?))".to_owned());
            values.push(Box::new(agent.clone()));
            values.push(Box::new(agent.clone()));
        }
        if let Some(event) = &self.event {
            all.push("(d.event = ? OR d.event = 'personal_' || ? OR c.verb = ?)".to_owned());
            (0..3).for_each(|_| values.push(Box::new(event.clone())));
        }
        match self.state.as_deref() {
            None => {}
            Some("refused") => all.push("c.code IS NOT NULL".to_owned()),
            Some("answered") => all.push("c.id IS NOT NULL AND c.code IS NULL".to_owned()),
            Some("trouble") => all.push("COALESCE(d.trouble, c.trouble) IS NOT NULL".to_owned()),
            Some(state) => {
                all.push("d.state = ?".to_owned());
                values.push(Box::new(state.to_owned()));
            }
        }
        if let Some(message) = self.message {
            all.push("(d.message = ? OR c.message = ?)".to_owned());
            (0..2).for_each(|_| values.push(Box::new(*message.as_bytes())));
        }
        // LIKE ends its pattern at the first NUL, and so would find everything.
        if self.text.as_ref().is_some_and(|text| text.contains('\0')) {
            all.push("FALSE".to_owned());
        } else if let Some(text) = &self.text {
            all.push(
                "(m.text LIKE ? ESCAPE '!' OR d.last_error LIKE ? ESCAPE '!' OR d.event LIKE ? ESCAPE '!' \
                 OR c.cause LIKE ? ESCAPE '!' OR CAST(c.body AS TEXT) LIKE ? ESCAPE '!')"
                    .to_owned(),
            );
            let pattern = format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
            (0..5).for_each(|_| values.push(Box::new(pattern.clone())));
        }
        (all.join(" AND "), values)
    }
}

/// Rows with an id below `before` that fit, newest first.
pub(crate) fn page(c: &Connection, sought: &Sought, before: i64, limit: u32) -> Result<Vec<Row>, StoreError> {
    let (condition, mut values) = sought.condition();
    values.push(Box::new(before));
    values.push(Box::new(limit));
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE {condition} AND w.id < ? ORDER BY w.id DESC LIMIT ?");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_map(rusqlite::params_from_iter(values), read)?.collect::<Result<_, _>>()?)
}

/// One row, if it is there.
pub(crate) fn get(c: &Connection, id: i64) -> Result<Option<Row>, StoreError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE w.id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Whether a row fits.
pub(crate) fn fits(c: &Connection, sought: &Sought, id: i64) -> Result<bool, StoreError> {
    if *sought == Sought::default() {
        return Ok(true);
    }
    let (condition, mut values) = sought.condition();
    values.push(Box::new(id));
    let sql = format!("SELECT EXISTS (SELECT 1 {FROM} WHERE {condition} AND w.id = ?)");
    Ok(c.prepare_cached(&sql)?.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?)
}

/// How many fit, at most `most`.
pub(crate) fn count(c: &Connection, sought: &Sought, most: u32) -> Result<u32, StoreError> {
    let (condition, mut values) = sought.condition();
    values.push(Box::new(most));
    let sql = if *sought == Sought::default() {
        "SELECT count(*) FROM (SELECT 1 FROM wire LIMIT ?)".to_owned()
    } else {
        format!("SELECT count(*) FROM (SELECT 1 {FROM} WHERE {condition} LIMIT ?)")
    };
    Ok(c.prepare_cached(&sql)?.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?)
}

/// The row of a delivery.
pub(crate) fn of_delivery(c: &Connection, delivery: i64) -> Result<Option<i64>, StoreError> {
    Ok(c.prepare_cached("SELECT id FROM wire WHERE delivery = ?1")?
        .query_row([delivery], |row| row.get(0))
        .optional()?)
}

/// The row of a call.
pub(crate) fn of_call(c: &Connection, call: i64) -> Result<Option<i64>, StoreError> {
    Ok(c.prepare_cached("SELECT id FROM wire WHERE call = ?1")?.query_row([call], |row| row.get(0)).optional()?)
}

/// What became of the deliveries of a message, in their order.
pub(crate) fn of_message(c: &Connection, message: MessageId) -> Result<Vec<Row>, StoreError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE d.message = ?1 ORDER BY w.id");
    Ok(c.prepare_cached(&sql)?.query_map([message.as_bytes()], read)?.collect::<Result<_, _>>()?)
}

/// How many deliveries are being tried again, and how many calls were refused; each at most `most`.
pub(crate) fn unwell(c: &Connection, most: u32) -> Result<(u32, u32), StoreError> {
    let count = |sql: &str| c.prepare_cached(sql)?.query_row([most], |row| row.get(0));
    Ok((
        count("SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'retrying' LIMIT ?1)")?,
        count("SELECT count(*) FROM (SELECT 1 FROM calls WHERE code IS NOT NULL LIMIT ?1)")?,
    ))
}
