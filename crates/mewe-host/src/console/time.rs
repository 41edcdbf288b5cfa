//! Times as a person reads them, in the zone of the machine that the host runs on. Lists hold absolute times: nothing in them
//! ticks.

use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use maud::{Markup, html};

/// Now, and where.
#[derive(Debug, Clone)]
pub(super) struct Times {
    zone: TimeZone,
    today: Date,
    now: Timestamp,
}

impl Times {
    pub(super) fn new(now: Timestamp) -> Self {
        let zone = TimeZone::system();
        Self { today: now.to_zoned_datetime(zone.clone()).date(), zone, now }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    fn at(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.zone.clone())
    }

    /// `14:03`, for machines and for whoever points at it the whole of it.
    pub(super) fn minute(&self, at: Timestamp) -> Markup {
        self.shown(at, "%H:%M")
    }

    /// `14:03:07`
    pub(super) fn second(&self, at: Timestamp) -> Markup {
        self.shown(at, "%H:%M:%S")
    }

    /// `84 s ago`: how long it was then, not now.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        let seconds = self.now.duration_since(at).as_secs().max(0);
        match seconds {
            0..120 => format!("{seconds} s ago"),
            120..7200 => format!("{} min ago", seconds / 60),
            7200..172_800 => format!("{} h ago", seconds / 3600),
            _ => format!("{} days ago", seconds / 86_400),
        }
    }

    /// What somebody typed into a field for date and time, by the clock on the wall.
    pub(super) fn typed(&self, text: &str) -> Option<Timestamp> {
        let at: DateTime = text.trim().parse().ok()?;
        Some(at.to_zoned_datetime(self.zone.clone()).ok()?.timestamp())
    }

    /// `14:03:07` as words within others; with the day, if that is another one.
    pub(super) fn words(&self, at: Timestamp) -> String {
        let zoned = self.at(at);
        let form = if zoned.date() == self.today { "%H:%M:%S" } else { "%-d %B %H:%M:%S" };
        zoned.strftime(form).to_string()
    }

    fn shown(&self, at: Timestamp, form: &str) -> Markup {
        let zoned = self.at(at);
        html! { time datetime=(at) title=(zoned.strftime("%A %-d %B %Y, %H:%M:%S")) { (zoned.strftime(form).to_string()) } }
    }

    /// The day, to be compared.
    pub(super) fn date(&self, at: Timestamp) -> Date {
        self.at(at).date()
    }

    /// `Today`, `Monday 23 November`; the year where it is another one.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let zoned = self.at(at);
        if zoned.date() == self.today {
            "Today".to_owned()
        } else if zoned.year() == self.today.year() {
            zoned.strftime("%A %-d %B").to_string()
        } else {
            zoned.strftime("%A %-d %B %Y").to_string()
        }
    }
}

/// `38 ms`, `10.0 s`
pub(super) fn span(milliseconds: i64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    let tenths = milliseconds / 100;
    if tenths < 600 { format!("{}.{} s", tenths / 10, tenths % 10) } else { format!("{} s", tenths / 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (ms, said) in [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (10_049, "10.0 s"), (61_000, "61 s")] {
            assert_eq!(span(ms), said);
        }
    }
}
