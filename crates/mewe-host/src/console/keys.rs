//! Which key does what.

use maud::{Markup, html};

use super::{
    ask::{Ask, token},
    part::icon,
};

type Line = (&'static str, &'static [&'static str]);

/// Keys in the order in which they are pressed; what is in lower case is a word between them.
const GROUPS: &[(&str, &[Line])] = &[
    (
        "Anywhere",
        &[
            ("Search everything", &["/"]),
            ("This list", &["?"]),
            ("Go to thread, person, agent…", &["Ctrl", "K"]),
            ("Threads, chat, wire", &["G", "then", "T", "C", "W"]),
            ("Close, or back", &["Esc"]),
        ],
    ),
    (
        "Chat",
        &[
            ("Speak as the 1st … 9th person", &["1", "…", "9"]),
            ("Next person, while writing", &["Ctrl", "."]),
            ("Next, previous thread", &["Alt", "↓", "↑"]),
            ("Write", &["C"]),
            ("Send", &["Enter"]),
            ("Line break", &["Shift", "Enter"]),
            ("Bring back the last text", &["↑"]),
            ("Split pane", &["\\"]),
        ],
    ),
    (
        "Wire",
        &[
            ("Next, previous", &["J", "K"]),
            ("Open", &["Enter"]),
            ("Filter", &["F"]),
            ("To its message", &["M"]),
            ("Newest", &["End"]),
            ("Pause following", &["P"]),
        ],
    ),
    (
        "A delivery",
        &[
            ("Redeliver", &["R"]),
            ("Copy as curl", &["Y"]),
            ("Copy as vector", &["V"]),
            ("Pretty, raw", &["X"]),
            ("Show signature", &["S"]),
        ],
    ),
    ("Trouble", &[("Open the switches", &["T"]), ("Turn all off", &["Shift", "T"])]),
];

/// The list, with what turns single letters off.
pub(super) fn list(ask: &Ask) -> Markup {
    html! {
        div.dh {
            h2 #kh { "Keyboard" }
            form method="dialog" { button.btn.bare.icon aria-label="Close (Escape)" { (icon("x")) } }
        }
        (groups())
        form.letters action="/letters" method="post" {
            (token(ask))
            input type="hidden" name="back" value=(ask.address);
            input type="hidden" name="letters" value=(if ask.letters { "off" } else { "on" });
            p { "Single letters act outside of text fields only." }
            button.btn type="submit" { @if ask.letters { "Turn single letters off" } @else { "Turn single letters on" } }
        }
    }
}

/// The groups of keys alone.
pub(super) fn groups() -> Markup {
    html! {
        div.keys {
            @for (title, lines) in GROUPS {
                section {
                    h3 { (title) }
                    dl {
                        @for (what, keys) in *lines {
                            div { dt { (what) } dd { @for key in *keys { (shown(key)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn shown(key: &str) -> Markup {
    html! {
        @if matches!(key, "then" | "…") { span.quiet { (key) } } @else { kbd { (key) } }
    }
}
