//! The banner that says that something is made to go wrong on purpose. It is on every page.

use maud::{Markup, Render, html};
use rusqlite::Connection;

use super::{
    ask::{Ask, token},
    part::icon,
    place::Place,
    trouble,
};
use crate::{domain::agent::Agent, error::ApiError, store};

/// Whose trouble is on.
#[derive(Debug, Clone, Default)]
pub(super) struct Banner<'a> {
    at: Option<(&'a Ask, Option<&'a Place>)>,
    on: Vec<(Agent, Vec<&'static str>)>,
}

impl<'a> Banner<'a> {
    pub(super) fn look(c: &Connection, ask: &'a Ask, place: Option<&'a Place>) -> Result<Self, ApiError> {
        let mut on = Vec::new();
        // What is switched on does nothing while others can come.
        let all = if ask.rules.public { Vec::new() } else { store::trouble::switched_on(c)? };
        for (agent, plan) in all {
            if let Some(agent) = store::agents::get(c, agent)? {
                let kinds = plan.switches.iter().filter(|switch| switch.often.is_on());
                on.push((agent, kinds.map(|switch| trouble::said(switch.kind).0).collect()));
            }
        }
        Ok(Self { at: Some((ask, place)), on })
    }

    /// How many switches are on.
    pub(super) fn count(&self) -> usize {
        self.on.iter().map(|(_, kinds)| kinds.len()).sum()
    }
}

impl Render for Banner<'_> {
    fn render(&self) -> Markup {
        let (Some((ask, place)), Some((first, _))) = (self.at, self.on.first()) else {
            return html! { div #banner {} };
        };
        html! {
            section.banner #banner aria-label="Trouble on purpose" {
                (icon("bolt"))
                p.cut {
                    b { "Trouble is on" } " for "
                    @for (n, (agent, kinds)) in self.on.iter().enumerate() {
                        @if n > 0 { "; " }
                        bdi { (agent.name) } span.wide { ": " (kinds.join(", ").to_lowercase()) }
                    }
                }
                div.end {
                    a.btn href=(trouble::address(place, first)) { "Show them" }
                    form #all-off action="/trouble/off" method="post" {
                        (token(ask))
                        input type="hidden" name="back" value=(ask.address);
                        button.btn type="submit" { "Turn all off" }
                    }
                }
            }
        }
    }
}
