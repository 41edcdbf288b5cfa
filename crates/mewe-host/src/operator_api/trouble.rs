//! Trouble on purpose: which switches of an agent are on, and what they have touched.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use mewe_protocol::AgentId;
use serde::{Deserialize, Serialize};

use super::after;
use crate::{
    Shared, change,
    change::{find, trouble::Setting},
    domain::trouble::{self as rules, Kind, Often, Plan},
    error::{ApiError, json_response},
    paging,
    request::Params,
    store,
};

#[derive(Deserialize)]
struct Set {
    seed: Option<u64>,
    switches: Vec<Given>,
}

/// A switch that is given is on, unless it says otherwise.
#[derive(Deserialize)]
struct Given {
    kind: String,
    every: Option<u32>,
    #[serde(default)]
    next: bool,
    seconds: Option<u32>,
}

impl Given {
    fn often(&self) -> Result<Often, rules::Wrong> {
        match (self.every, self.next) {
            (None | Some(0), true) => Ok(Often::Next),
            (Some(_), true) => Err(rules::Wrong { field: "next", why: "either this or every".to_owned() }),
            (Some(0), false) => Ok(Often::Off),
            (every, false) => Ok(Often::Every(every.unwrap_or(1))),
        }
    }
}

impl Set {
    /// Each kind once, and nothing that means nothing.
    fn read(self) -> Result<Setting, ApiError> {
        let mut switches: Vec<(Kind, Often, Option<u32>)> = Vec::new();
        for (n, given) in self.switches.iter().enumerate() {
            let wrong = |field: &str, why: String| ApiError::invalid(&format!("switches[{n}].{field}"), why);
            let kind: Kind = given.kind.parse().map_err(|why: rules::KindError| wrong("kind", why.to_string()))?;
            if switches.iter().any(|(other, ..)| *other == kind) {
                return Err(wrong("kind", format!("{} is there twice", kind.name())));
            }
            let often = given.often().map_err(|what| wrong(what.field, what.why))?;
            rules::may_set(kind, often, given.seconds).map_err(|what| wrong(what.field, what.why))?;
            switches.push((kind, often, given.seconds));
        }
        Ok(Setting { seed: self.seed, switches })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trouble {
    agent_id: AgentId,
    seed: u64,
    switches: Vec<Switch>,
}

/// As it can be given.
#[derive(Serialize)]
struct Switch {
    kind: &'static str,
    every: u32,
    next: bool,
    seconds: Option<u32>,
    touched: u64,
}

impl Trouble {
    fn new(agent_id: AgentId, plan: Plan) -> Self {
        let switch = |switch: rules::Switch| Switch {
            kind: switch.kind.name(),
            every: if let Often::Every(many) = switch.often { many } else { 0 },
            next: switch.often == Often::Next,
            seconds: switch.seconds,
            touched: switch.touched,
        };
        Self { agent_id, seed: plan.seed, switches: plan.switches.into_iter().map(switch).collect() }
    }
}

/// The agents that have a switch on.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    shared.may_make_trouble()?;
    let (limit, after) = (params.limit()?, after(&params)?);
    let rows = shared.read(move |c| Ok(store::trouble::list(c, after, limit + 1)?)).await?;
    let rows = rows.into_iter().map(|(agent, plan)| Trouble::new(agent, plan)).collect();
    let next = |last: &Trouble| format!("/operator/trouble?limit={limit}&after={}", last.agent_id);
    Ok(paging::page("trouble", rows, limit, next))
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    shared.may_make_trouble()?;
    let agent = params.id("agentId")?;
    let plan = shared.read(move |c| Ok(store::trouble::of_agent(c, find::agent(c, agent)?.id)?)).await?;
    Ok(json_response(StatusCode::OK, &Trouble::new(agent, plan)))
}

/// Sets all switches of an agent: those that are not given are off.
pub(crate) async fn set(State(shared): State<Arc<Shared>>, params: Params, body: Body) -> Result<Response, ApiError> {
    shared.may_make_trouble()?;
    let agent = params.id("agentId")?;
    let setting = shared.json::<Set>(body).await?.read()?;
    let plan = shared.change(move |change| {
        change::trouble::set(change, agent, &setting)?;
        Ok(store::trouble::of_agent(change.c, agent)?)
    });
    Ok(json_response(StatusCode::OK, &Trouble::new(agent, plan.await?)))
}

pub(crate) async fn off(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    shared.may_make_trouble()?;
    let agent = params.id("agentId")?;
    shared.change(move |change| change::trouble::all_off(change, Some(agent))).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn all_off(State(shared): State<Arc<Shared>>) -> Result<StatusCode, ApiError> {
    shared.may_make_trouble()?;
    shared.change(|change| change::trouble::all_off(change, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The kinds in how they are kept, as a list.
pub(crate) fn kinds(kept: Option<String>) -> Option<Vec<String>> {
    kept.map(|kept| kept.split(',').map(str::to_owned).collect())
}
