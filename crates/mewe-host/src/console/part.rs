//! The small parts that every page is made of: icons, states, pictures of people.

use maud::{Markup, PreEscaped, html};
use mewe_protocol::Id;

/// All icons; a page holds them once.
pub(super) const ICONS: PreEscaped<&str> = PreEscaped(include_str!("assets/icons.svg"));

/// An icon. It says nothing that is not said in words beside it.
pub(super) fn icon(name: &str) -> Markup {
    html! { svg aria-hidden="true" { use href={ "#i-" (name) } {} } }
}

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Ok,
    /// It will still be tried, or was done on purpose.
    Warn,
    Bad,
    Mute,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Mute => "mute",
        }
    }
}

/// A state is a glyph, a word and a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) tone: Tone,
    pub(super) icon: &'static str,
    pub(super) words: String,
}

impl Status {
    pub(super) fn new(tone: Tone, icon: &'static str, words: impl Into<String>) -> Self {
        Self { tone, icon, words: words.into() }
    }

    pub(super) fn ok(words: impl Into<String>) -> Self {
        Self::new(Tone::Ok, "ok", words)
    }

    /// In a line of others.
    pub(super) fn plain(&self) -> Markup {
        html! { span class={ "st " (self.tone.class()) } { (icon(self.icon)) (self.words) } }
    }

    /// Beside a title.
    pub(super) fn pill(&self) -> Markup {
        html! { span class={ "st pill " (self.tone.class()) } { (icon(self.icon)) (self.words) } }
    }
}

/// The mark of what was touched on purpose.
pub(super) fn bolt() -> Markup {
    html! { span.bolt title="Touched by trouble" { (icon("bolt")) span.sr { ", trouble" } } }
}

/// Leads to the newest, when something came while one was reading further up.
pub(super) fn jump() -> Markup {
    html! { div.jump hidden { button.newest type="button" { span {} (icon("down")) } } }
}

/// The picture of somebody: their initials. People are round, agents are square.
pub(super) fn avatar<K>(id: Id<K>, name: &str, is_agent: bool, small: bool) -> Markup {
    let initials = initials(name, if is_agent { 1 } else { 2 });
    let kind = if is_agent { "agent".to_owned() } else { format!("c{}", id.as_bytes()[11] % 6) };
    html! { span class={ "av " (kind) @if small { " sm" } } aria-hidden="true" { (initials) } }
}

fn initials(name: &str, most: usize) -> String {
    let words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    words.take(most).flat_map(char::to_uppercase).collect()
}

/// The first name of a name.
pub(super) fn first(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or(name)
}

/// `1 delivery`, `2 deliveries`
pub(super) fn number(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Some of `rows`, as words: `Sigrún, MuadDib and Thor`.
pub(super) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_letters_of_words() {
        assert_eq!(initials("Sigrún Guðmundsdóttir", 2), "SG");
        assert_eq!(initials("  🐟 \"Harðfiskur\" ", 2), "H");
        assert_eq!(initials("", 2), "");
    }

    #[test]
    fn a_list_is_read_aloud() {
        assert_eq!(list(&["Sigrún", "MuadDib", "Thor"]), "Sigrún, MuadDib and Thor");
        assert_eq!(list(&["Thor"]), "Thor");
    }
}
