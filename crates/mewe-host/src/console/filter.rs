//! What the wire is filtered by, as a person types it: `agent:MuadDib state:retrying charcoal`.

use std::fmt::{self, Write as _};

use mewe_protocol::MessageId;

use crate::store::wire::Sought;

/// A filter. It writes itself as it would be typed; the empty one shows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter(Sought);

/// The most characters that are looked at.
const MOST: usize = 500;

impl Filter {
    /// Reads what somebody typed. A key that nobody knows is text like any other, so nothing is refused.
    pub(super) fn parse(typed: &str) -> Self {
        let mut sought = Sought::default();
        let mut text: Vec<String> = Vec::new();
        let end = typed.char_indices().nth(MOST).map_or(typed.len(), |(at, _)| at);
        for word in words(&typed[..end]) {
            match word.split_once(':') {
                Some(("agent", value)) if !value.is_empty() => sought.agent = Some(value.to_owned()),
                Some(("event", value)) if !value.is_empty() => sought.event = Some(value.to_owned()),
                Some(("state", value)) if !value.is_empty() => sought.state = Some(value.to_owned()),
                Some(("message", value)) if value.parse::<MessageId>().is_ok() => sought.message = value.parse().ok(),
                _ => text.push(word),
            }
        }
        sought.text = (!text.is_empty()).then(|| text.join(" "));
        Self(sought)
    }

    pub(super) fn sought(&self) -> &Sought {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == Sought::default()
    }

    pub(super) fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// The same filter with this state.
    pub(super) fn with_state(&self, state: Option<&str>) -> Self {
        Self(Sought { state: state.map(str::to_owned), ..self.0.clone() })
    }

    /// The words without a key.
    pub(super) fn text(&self) -> &str {
        self.0.text.as_deref().unwrap_or_default()
    }

    /// What it holds, key and value, each with the filter without it.
    pub(super) fn parts(&self) -> Vec<(&'static str, String, Self)> {
        let of = |key: &'static str, value: &Option<String>, without: Sought| {
            value.clone().map(|value| (key, value, Self(without)))
        };
        let message = self.0.message.map(|id| id.to_string());
        [
            of("agent", &self.0.agent, Sought { agent: None, ..self.0.clone() }),
            of("event", &self.0.event, Sought { event: None, ..self.0.clone() }),
            of("state", &self.0.state, Sought { state: None, ..self.0.clone() }),
            of("message", &message, Sought { message: None, ..self.0.clone() }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = String::new();
        for (key, value, _) in self.parts() {
            let space = if all.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(all, "{space}{}", part(key, &value));
        }
        if let Some(text) = &self.0.text {
            let space = if all.is_empty() { "" } else { " " };
            let _ = write!(all, "{space}{text}");
        }
        f.write_str(&all)
    }
}

/// A part as it is typed.
pub(super) fn part(key: &str, value: &str) -> String {
    let quote = if value.contains(char::is_whitespace) { "\"" } else { "" };
    format!("{key}:{quote}{value}{quote}")
}

/// The words of a text; quotes hold words together.
fn words(typed: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in typed.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => all.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    all.extend((!word.is_empty()).then_some(word));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_and_written_the_same() {
        for typed in
            ["", "agent:MuadDib state:retrying kol og kaffi", "agent:\"Thor the Second\"", "event:chat_mention"]
        {
            assert_eq!(Filter::parse(typed).to_string(), typed);
        }
        assert_eq!(Filter::parse("  kol   state:refused ").to_string(), "state:refused kol");
    }

    #[test]
    fn a_key_that_nobody_knows_is_text() {
        let filter = Filter::parse("https://example.org state: message:nothing");
        assert_eq!(filter.to_string(), "https://example.org state: message:nothing");
        assert!(filter.parts().is_empty());
    }

    #[test]
    fn a_part_can_be_taken_out() {
        let filter = Filter::parse("agent:Thor state:refused kol");
        let without: Vec<String> = filter.parts().into_iter().map(|(_, _, without)| without.to_string()).collect();
        assert_eq!(without, ["state:refused kol", "agent:Thor kol"]);
        assert_eq!(filter.with_state(None).to_string(), "agent:Thor kol");
    }
}
