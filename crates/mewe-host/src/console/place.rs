//! Where somebody is: the address is the whole state of a page, so it can be reloaded, linked and gone back to.

use mewe_protocol::{AgentId, MessageId, ThreadId, UserId};
use url::form_urlencoded;

use super::filter::Filter;

/// A page of the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) thread: ThreadId,
    /// Who speaks; none until somebody is chosen.
    pub(super) speaker: Option<UserId>,
    /// A second chat, with its own speaker.
    pub(super) split: Option<(ThreadId, UserId)>,
    pub(super) side: Side,
    pub(super) filter: Filter,
    /// The row of the wire that is open, and which of its attempts.
    pub(super) open: Option<(i64, Option<u32>)>,
    /// Whether signatures are shown whole, and payloads as they came.
    pub(super) whole: bool,
    pub(super) raw: bool,
    /// The agent whose trouble is shown.
    pub(super) agent: Option<AgentId>,
    /// What is in front on a narrow screen.
    pub(super) view: View,
    /// Messages and rows before these, where there is no script to load them.
    pub(super) before: Option<MessageId>,
    pub(super) wire_before: Option<i64>,
}

/// What stands beside the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Side {
    #[default]
    Wire,
    Trouble,
}

/// What is in front on a narrow screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    Threads,
    #[default]
    Chat,
    Wire,
}

impl View {
    /// The one that an address asks for.
    pub(super) fn of(address: &str) -> Self {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "view").as_ref().map(|(_, view)| &**view)
        {
            Some("threads") => Self::Threads,
            Some("wire") => Self::Wire,
            _ => Self::Chat,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Chat => "chat",
            Self::Wire => "wire",
        }
    }
}

impl Place {
    pub(super) fn new(thread: ThreadId, speaker: Option<UserId>) -> Self {
        Self {
            thread,
            speaker,
            split: None,
            side: Side::default(),
            filter: Filter::default(),
            open: None,
            whole: false,
            raw: false,
            agent: None,
            view: View::default(),
            before: None,
            wire_before: None,
        }
    }

    /// The place of an address such as `/t/{thread}?as={user}`. What it does not understand of the query it leaves out.
    pub(super) fn parse(address: &str) -> Option<Self> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let mut place = Self::new(path.strip_prefix("/t/")?.parse().ok()?, None);
        let (mut open, mut attempt, mut typed) = (None, None, Vec::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "as" => place.speaker = value.parse().ok(),
                "split" => {
                    place.split = value
                        .split_once(',')
                        .and_then(|(thread, user)| Some((thread.parse().ok()?, user.parse().ok()?)));
                }
                "pane" if value == "trouble" => place.side = Side::Trouble,
                // The parts that are set already come as fields of their own.
                "q" => typed.push(value.into_owned()),
                "wire" => open = value.parse().ok(),
                "attempt" => attempt = value.parse().ok(),
                "show" => place.whole = value == "whole",
                "as-sent" => place.raw = value == "1",
                "agent" => place.agent = value.parse().ok(),
                "before" => place.before = value.parse().ok(),
                "rows" => place.wire_before = value.parse().ok(),
                _ => {}
            }
        }
        place.view = View::of(address);
        place.open = open.map(|id| (id, attempt));
        place.filter = Filter::parse(&typed.join(" "));
        Some(place)
    }

    /// Its address.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(speaker) = self.speaker {
            query.append_pair("as", &speaker.to_string());
        }
        if let Some((thread, user)) = self.split {
            query.append_pair("split", &format!("{thread},{user}"));
        }
        if self.side == Side::Trouble {
            query.append_pair("pane", "trouble");
        }
        if !self.filter.is_empty() {
            query.append_pair("q", &self.filter.to_string());
        }
        if let Some((id, attempt)) = self.open {
            query.append_pair("wire", &id.to_string());
            if let Some(attempt) = attempt {
                query.append_pair("attempt", &attempt.to_string());
            }
            if self.whole {
                query.append_pair("show", "whole");
            }
            if self.raw {
                query.append_pair("as-sent", "1");
            }
        }
        if let Some(agent) = self.agent {
            query.append_pair("agent", &agent.to_string());
        }
        if let Some(before) = self.before {
            query.append_pair("before", &before.to_string());
        }
        if let Some(before) = self.wire_before {
            query.append_pair("rows", &before.to_string());
        }
        if self.view != View::Chat {
            query.append_pair("view", self.view.name());
        }
        let query = query.finish();
        if query.is_empty() { format!("/t/{}", self.thread) } else { format!("/t/{}?{query}", self.thread) }
    }

    /// The address of this place after a change.
    pub(super) fn but(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut place = self.clone();
        change(&mut place);
        place.href()
    }

    /// With this row open; on a narrow screen it is in front.
    pub(super) fn opening(&self, row: i64, attempt: Option<u32>) -> String {
        self.but(|place| {
            place.open = Some((row, attempt));
            place.whole = false;
            place.side = Side::Wire;
            place.view = View::Wire;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: &str = "/t/60ffe9492f19cd2677b0e1b1";

    #[test]
    fn an_address_is_read_and_written_the_same() {
        let user = "607595295635495b3c80f7de";
        for address in [
            T.to_owned(),
            format!("{T}?as={user}"),
            format!("{T}?as={user}&split=60ffe9492f19cd2677b0e1b2%2C{user}&q=agent%3AMuadDib+kol&wire=17&attempt=3"),
            format!("{T}?pane=trouble&agent={user}&view=wire"),
        ] {
            assert_eq!(Place::parse(&address).unwrap().href(), address);
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let place = Place::parse(&format!("{T}?as=nobody&wire=x&split=1,2&view=moon&pane=&attempt=2&z=1")).unwrap();
        assert_eq!(place.href(), T);
        for no_place in ["/", "/apps", "/t/", "/t/xyz", ""] {
            assert_eq!(Place::parse(no_place), None);
        }
    }
}
