//! Trouble on purpose: what can be made to go wrong for an agent, how often, and which ones it befalls.
//!
//! The network loses, doubles, delays and swaps, and an agent that never met that is not finished. Which of many it befalls is a
//! matter of the seed and of their order alone, so that what was found can be played again.

use std::{fmt, str::FromStr};

/// What is made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was taken is attempted a second time.
    DeliverTwice,
    /// An event waits until the one after it was taken.
    Reorder,
    /// The first attempt waits until the event is some seconds old.
    Delay,
    /// The answer of an agent that took something is treated as lost.
    DropAnswer,
    /// One bit of a signature is another.
    WrongSignature,
    /// An attempt is signed for a time that is over.
    StaleTimestamp,
    /// A call is answered 500, and nothing was stored.
    Answer500,
    /// A call is answered 420, and nothing was stored.
    Answer420,
    /// A send is stored, and not answered.
    LoseAnswer,
    /// A signed request is accepted again.
    ForgetReplays,
}

/// A text is no kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", Kind::ALL.map(Kind::name).join(", "))]
pub(crate) struct KindError;

impl Kind {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 10] = [
        Self::DeliverTwice,
        Self::Reorder,
        Self::Delay,
        Self::DropAnswer,
        Self::WrongSignature,
        Self::StaleTimestamp,
        Self::Answer500,
        Self::Answer420,
        Self::LoseAnswer,
        Self::ForgetReplays,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DeliverTwice => "deliver_twice",
            Self::Reorder => "reorder",
            Self::Delay => "delay",
            Self::DropAnswer => "drop_answer",
            Self::WrongSignature => "wrong_signature",
            Self::StaleTimestamp => "stale_timestamp",
            Self::Answer500 => "answer_500",
            Self::Answer420 => "answer_420",
            Self::LoseAnswer => "lose_answer",
            Self::ForgetReplays => "forget_replays",
        }
    }

    /// Whether it befalls what goes to the agent; the others befall its calls.
    pub(crate) const fn to_agent(self) -> bool {
        match self {
            Self::DeliverTwice
            | Self::Reorder
            | Self::Delay
            | Self::DropAnswer
            | Self::WrongSignature
            | Self::StaleTimestamp => true,
            Self::Answer500 | Self::Answer420 | Self::LoseAnswer | Self::ForgetReplays => false,
        }
    }

    /// Its place in [`Kind::ALL`].
    const fn place(self) -> u8 {
        self as u8
    }
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(KindError)
    }
}

/// How often it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Often {
    Off,
    /// One of so many in a row; the seed says which.
    Every(u32),
    /// To the next one, and then no more.
    Next,
}

/// A text does not say how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be off, every, every_3rd or next")]
pub(crate) struct OftenError;

impl FromStr for Often {
    type Err = OftenError;

    fn from_str(text: &str) -> Result<Self, OftenError> {
        match text {
            "off" => Ok(Self::Off),
            "every" => Ok(Self::Every(1)),
            "every_3rd" => Ok(Self::Every(3)),
            "next" => Ok(Self::Next),
            _ => Err(OftenError),
        }
    }
}

impl Often {
    pub(crate) const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Whether it befalls this one, before which `seen` went by since the switch was set.
    pub(crate) fn befalls(self, kind: Kind, seed: u64, seen: u64) -> bool {
        match self {
            Self::Off => false,
            Self::Next => true,
            Self::Every(many) => {
                let many = u64::from(many.max(1));
                dice(kind, seed, seen / many) % many == seen % many
            }
        }
    }
}

/// The numbers that a seed rolls for a kind. The same for ever: what was written down with its seed must come again.
pub(crate) fn dice(kind: Kind, seed: u64, n: u64) -> u64 {
    mixed(mixed(mixed(seed).wrapping_add(u64::from(kind.place()))).wrapping_add(n))
}

/// `SplitMix64`.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// One of the switches of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) kind: Kind,
    pub(crate) often: Often,
    /// Of a delay, on or off.
    pub(crate) seconds: Option<u32>,
    /// How many it has touched, ever.
    pub(crate) touched: u64,
}

/// All switches of an agent, in the order of [`Kind::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) switches: Vec<Switch>,
}

/// The greatest seed: every reader of JSON keeps it as it is.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
/// The greatest "every n-th".
const MAX_EVERY: u32 = 1000;
/// The longest delay, in seconds.
const MAX_DELAY: u32 = 3600;
/// The seconds of a delay that nobody has set.
pub(crate) const DELAY: u32 = 10;

/// A switch cannot be set so: which of its fields is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

/// Whether a switch can be set so.
pub(crate) fn may_set(kind: Kind, often: Often, seconds: Option<u32>) -> Result<(), Wrong> {
    let wrong = |field, why: String| Err(Wrong { field, why });
    match (kind, often) {
        (_, Often::Every(many)) if !(1..=MAX_EVERY).contains(&many) => {
            return wrong("every", format!("a number from 0 to {MAX_EVERY}"));
        }
        (Kind::ForgetReplays, Often::Every(2..) | Often::Next) => {
            return wrong("every", "forget_replays is on (1) or off (0)".to_owned());
        }
        _ => {}
    }
    match (kind, seconds) {
        (Kind::Delay, Some(seconds)) if !(1..=MAX_DELAY).contains(&seconds) => {
            wrong("seconds", format!("a number from 1 to {MAX_DELAY}"))
        }
        (Kind::Delay, _) | (_, None) => Ok(()),
        (_, Some(_)) => wrong("seconds", "only a delay has them".to_owned()),
    }
}

/// What was done on purpose to an attempt, a delivery or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks(u16);

impl Marks {
    #[must_use]
    pub(crate) const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind.place())
    }

    #[must_use]
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) const fn holds(self, kind: Kind) -> bool {
        self.0 & 1 << kind.place() != 0
    }

    /// As it is kept; none if there is none.
    pub(crate) fn kept(self) -> Option<String> {
        (self != Self::default()).then(|| self.to_string())
    }

    /// Out of how it was kept. What a later version knows is passed over.
    pub(crate) fn read(kept: Option<&str>) -> Self {
        let kinds = kept.unwrap_or_default().split(',').filter_map(|name| name.parse().ok());
        kinds.fold(Self::default(), Self::with)
    }
}

/// The names, with commas in between.
impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, kind) in Kind::ALL.into_iter().filter(|kind| self.holds(*kind)).enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            f.write_str(kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_and_its_name() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.place()), place);
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let to_agent = Kind::ALL.map(Kind::to_agent);
        assert!(to_agent.is_sorted_by(|a, b| a >= b), "first all that befall deliveries");
        assert_eq!(to_agent.into_iter().filter(|yes| *yes).count(), 6);
    }

    #[test]
    fn of_each_so_many_in_a_row_one_is_befallen_and_not_always_the_same() {
        for kind in Kind::ALL {
            for many in [1, 2, 3, 7, 1000] {
                let befallen = |block: u64| -> Vec<u64> {
                    let within = 0..u64::from(many);
                    let befalls = |at: &u64| Often::Every(many).befalls(kind, 4711, block * u64::from(many) + *at);
                    within.filter(befalls).collect()
                };
                let all: Vec<Vec<u64>> = (0..50).map(befallen).collect();
                assert!(all.iter().all(|block| block.len() == 1), "{kind:?} {many}: {all:?}");
                assert_eq!(all.iter().all(|block| *block == all[0]), many == 1, "{kind:?} {many}");
            }
        }
    }

    #[test]
    fn a_seed_rolls_the_same_for_ever_and_another_one_otherwise() {
        let befallen =
            |kind, seed| -> Vec<u64> { (0..15).filter(|seen| Often::Every(3).befalls(kind, seed, *seen)).collect() };
        // Written down: a later version must come to the same.
        assert_eq!(befallen(Kind::DeliverTwice, 4711), [2, 4, 7, 11, 12]);
        assert_ne!(befallen(Kind::DeliverTwice, 4712), befallen(Kind::DeliverTwice, 4711));
        assert_ne!(befallen(Kind::Reorder, 4711), befallen(Kind::DeliverTwice, 4711));
        assert!((0..100).all(|seen| Often::Next.befalls(Kind::Reorder, 1, seen)));
        assert!(!(0..100).any(|seen| Often::Off.befalls(Kind::Reorder, 1, seen)));
    }

    #[test]
    fn marks_are_read_as_they_were_kept() {
        assert_eq!(Marks::default().kept(), None);
        assert_eq!(Marks::read(None), Marks::default());
        let all = Kind::ALL.into_iter().rev().fold(Marks::default(), Marks::with);
        assert_eq!(all.to_string(), Kind::ALL.map(Kind::name).join(","));
        assert_eq!(Marks::read(all.kept().as_deref()), all);
        let two = Marks::read(Some("delay,teleport,deliver_twice"));
        assert_eq!(two, Marks::default().with(Kind::DeliverTwice).and(Marks::default().with(Kind::Delay)));
        assert!(two.holds(Kind::Delay) && !two.holds(Kind::Reorder));
        assert_eq!(two.kept().unwrap(), "deliver_twice,delay");
    }

    #[test]
    fn a_switch_that_means_nothing_is_refused_by_its_field() {
        use Kind::{Delay, ForgetReplays, Reorder};
        for (kind, often, seconds, field) in [
            (Reorder, Often::Every(0), None, "every"),
            (Reorder, Often::Every(1001), None, "every"),
            (ForgetReplays, Often::Every(2), None, "every"),
            (ForgetReplays, Often::Next, None, "every"),
            (Reorder, Often::Every(1), Some(1), "seconds"),
            (Reorder, Often::Off, Some(1), "seconds"),
            (Delay, Often::Every(1), Some(0), "seconds"),
            (Delay, Often::Off, Some(3601), "seconds"),
        ] {
            assert_eq!(may_set(kind, often, seconds).unwrap_err().field, field, "{kind:?} {often:?} {seconds:?}");
        }
        for (kind, often, seconds) in [
            (Reorder, Often::Every(1000), None),
            (Reorder, Often::Next, None),
            (ForgetReplays, Often::Every(1), None),
            (ForgetReplays, Often::Off, None),
            (Delay, Often::Next, Some(3600)),
            (Delay, Often::Every(3), Some(1)),
            (Delay, Often::Off, None),
        ] {
            assert_eq!(may_set(kind, often, seconds), Ok(()), "{kind:?} {often:?} {seconds:?}");
        }
    }
}
