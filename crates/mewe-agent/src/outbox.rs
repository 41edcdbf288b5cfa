//! Replies that are promised and not yet known to be in their thread.
//!
//! "Retry on error" doubles a reply, "never retry" loses one. So a send has a third outcome, *in doubt*, which a look into
//! the thread, or the same signed request once more (it is its own idempotency key: docs/wire.md, D8), can end:
//!
//! ```text
//! Queued ─sign→ Calling ─2xx→ sent           (Unseen first, if the answer named no id)
//!                  │ ─420, not left→ Queued
//!                  │ ─4xx→ parked
//!                  └ ─5xx, cut, crash→ InDoubt ─look: there→ sent
//!                                         │ ─look: missing, window lasts→ Calling (the same request)
//!                                         └ ─refused as a repeat→ look, WaitingOut, look → sent | Queued (signed afresh)
//! ```
//!
//! No I/O here and no clock: `sender.rs` drives it, `store/` keeps it. Times are seconds of the host's clock.

use std::time::Duration;

use mewe_protocol::MessageId;

/// Before the window's end a repeat stays this far away from it, so that it does not arrive after it.
const MARGIN: u64 = 10;

/// Where a send stands. Kept in the store before each step that the world can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    /// Nothing of it has left, or what had left was refused or never arrived.
    Queued,
    /// A request signed for this second is on its way; a crash now leaves it in doubt.
    Calling { signed_at: u64, repeat: bool },
    /// The request may have been accepted. `repeatable`: the same one may be sent again.
    InDoubt { signed_at: u64, repeatable: bool },
    /// Refused as a repeat and not in the thread: it may be under way inside the host. Its window is waited out.
    WaitingOut { signed_at: u64 },
    /// Refused as a repeat although it was the first: another message used this second, or a lost life of ours sent it.
    Collided { signed_at: u64 },
    /// Accepted, but the answer named no id: it is learned by reading the thread.
    Unseen,
}

/// What has to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Choose a second that was never used for these bytes, keep it, call.
    Sign,
    /// Call with the request that was signed for this second.
    Call { signed_at: u64, repeat: bool },
    /// Look into the thread.
    Look,
    /// Nothing until the host's clock shows this second.
    Wait { until: u64 },
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Any 2xx.
    Accepted(Option<MessageId>),
    /// No connection: nothing has left.
    NotLeft(String),
    /// 420 or 429.
    Limited(Option<Duration>),
    /// 401 `replayed`.
    Replayed,
    /// 401 `timestamp`.
    ClockOff,
    /// 401 `unknown_app`, `signature`, or without a code: the application's credentials are not accepted.
    AppRefused(String),
    /// 401 `unknown_agent`.
    AgentRefused(String),
    /// Any other 4xx: nothing was stored, and repeating would not mend it.
    Refused { status: u16, words: String },
    /// 5xx, time-out, cut: it may be stored, or not.
    Doubtful(String),
}

/// What a look into the thread came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// There it is.
    There(MessageId),
    /// It is not there.
    Missing,
    /// The thread can no longer be read (403, 404).
    Closed(String),
    /// The look itself failed: nothing is known.
    Failed(String),
}

/// What becomes of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the thread.
    Sent(Option<MessageId>),
    /// It goes on from this state.
    Next(SendState, Pause),
    /// It ends here, and a person is told why.
    Parked(String),
}

/// When it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pause {
    /// At once.
    No,
    /// After the usual back-off, for this cause.
    Backoff(String),
    /// After this long: the host asked for it.
    For(Duration, String),
    /// When the application's credentials may have been mended; all sends of the application wait.
    App(String),
    /// When this agent's may have been; its sends wait.
    Agent(String),
}

impl SendState {
    /// The state after a start: a call that was under way when the process ended has an unknown outcome.
    pub(crate) fn after_crash(self) -> Self {
        match self {
            Self::Calling { signed_at, .. } => Self::InDoubt { signed_at, repeatable: true },
            other => other,
        }
    }

    /// What to do at `now`, given the host's tolerance, both in seconds of the host's clock.
    pub(crate) fn next(self, now: u64, tolerance: u64) -> Move {
        match self {
            Self::Queued => Move::Sign,
            Self::Calling { signed_at, repeat } => Move::Call { signed_at, repeat },
            Self::InDoubt { .. } | Self::Collided { .. } | Self::Unseen => Move::Look,
            Self::WaitingOut { signed_at } if now <= signed_at + tolerance => {
                Move::Wait { until: signed_at + tolerance + 1 }
            }
            Self::WaitingOut { .. } => Move::Look,
        }
    }

    /// What a call that was made in this state leads to.
    pub(crate) fn answered(self, answer: Answer) -> Outcome {
        let Self::Calling { signed_at, repeat } = self else {
            // Only a call is answered. Whatever this is, a look finds out.
            return Outcome::Next(self, Pause::No);
        };
        // A first attempt that was refused has sent nothing; a repeat that was refused leaves the first one in doubt.
        let (unsent, doubt) = if repeat {
            let doubt = Self::InDoubt { signed_at, repeatable: true };
            (doubt, doubt)
        } else {
            (Self::Queued, Self::InDoubt { signed_at, repeatable: true })
        };
        let spent = Self::InDoubt { signed_at, repeatable: false };
        match answer {
            Answer::Accepted(Some(id)) => Outcome::Sent(Some(id)),
            Answer::Accepted(None) => Outcome::Next(Self::Unseen, Pause::No),
            Answer::NotLeft(why) => Outcome::Next(unsent, Pause::Backoff(why)),
            Answer::Limited(Some(wait)) => Outcome::Next(unsent, Pause::For(wait, "the host asks to slow down".into())),
            Answer::Limited(None) => Outcome::Next(unsent, Pause::Backoff("the host asks to slow down".into())),
            Answer::Replayed if repeat => Outcome::Next(spent, Pause::No),
            Answer::Replayed => Outcome::Next(Self::Collided { signed_at }, Pause::No),
            Answer::ClockOff if repeat => Outcome::Next(spent, Pause::No),
            Answer::ClockOff => {
                Outcome::Next(Self::Queued, Pause::Backoff("the host's clock differs from ours".into()))
            }
            Answer::AppRefused(code) if repeat && code.is_empty() => Outcome::Next(spent, Pause::No),
            Answer::AppRefused(why) => Outcome::Next(unsent, Pause::App(why)),
            Answer::AgentRefused(why) => Outcome::Next(unsent, Pause::Agent(why)),
            Answer::Refused { status: 403 | 404, words } if repeat => {
                Outcome::Parked(format!("unknown whether it was sent, and the thread is closed to us: {words}"))
            }
            Answer::Refused { .. } if repeat => Outcome::Next(spent, Pause::No),
            Answer::Refused { status, words } => Outcome::Parked(format!("the host refused it ({status}): {words}")),
            Answer::Doubtful(why) => Outcome::Next(doubt, Pause::Backoff(why)),
        }
    }

    /// What a look leads to that was begun at `now` by the host's clock.
    pub(crate) fn looked(self, seen: Seen, now: u64, tolerance: u64) -> Outcome {
        match (self, seen) {
            (_, Seen::There(id)) => Outcome::Sent(Some(id)),
            (state, Seen::Failed(why)) => Outcome::Next(state, Pause::Backoff(why)),
            // The host said 2xx. That the id cannot be learned changes nothing about it.
            (Self::Unseen, Seen::Missing | Seen::Closed(_)) => Outcome::Sent(None),
            (Self::Queued | Self::Collided { .. }, _) => Outcome::Next(Self::Queued, Pause::No),
            (_, Seen::Closed(why)) => {
                Outcome::Parked(format!("unknown whether it was sent, and the thread is closed to us: {why}"))
            }
            (Self::InDoubt { signed_at, repeatable: true }, Seen::Missing) if now + MARGIN <= signed_at + tolerance => {
                Outcome::Next(Self::Calling { signed_at, repeat: true }, Pause::No)
            }
            (
                Self::InDoubt { signed_at, .. } | Self::WaitingOut { signed_at } | Self::Calling { signed_at, .. },
                Seen::Missing,
            ) => {
                let after_window = now > signed_at + tolerance;
                let state = if after_window { Self::Queued } else { Self::WaitingOut { signed_at } };
                Outcome::Next(state, Pause::No)
            }
        }
    }

    /// As stored: a word and a second.
    pub(crate) fn to_row(self) -> (&'static str, Option<i64>) {
        let second = |s: u64| Some(i64::try_from(s).unwrap_or(i64::MAX));
        match self {
            Self::Queued => ("queued", None),
            Self::Calling { signed_at, repeat: false } => ("calling", second(signed_at)),
            Self::Calling { signed_at, repeat: true } => ("repeating", second(signed_at)),
            Self::InDoubt { signed_at, repeatable: true } => ("in_doubt", second(signed_at)),
            Self::InDoubt { signed_at, repeatable: false } => ("in_doubt_spent", second(signed_at)),
            Self::WaitingOut { signed_at } => ("waiting_out", second(signed_at)),
            Self::Collided { signed_at } => ("collided", second(signed_at)),
            Self::Unseen => ("unseen", None),
        }
    }

    /// From what [`SendState::to_row`] wrote; `None` for anything else.
    pub(crate) fn from_row(word: &str, second: Option<i64>) -> Option<Self> {
        let signed_at = second.and_then(|s| u64::try_from(s).ok());
        Some(match (word, signed_at) {
            ("queued", _) => Self::Queued,
            ("unseen", _) => Self::Unseen,
            ("calling", Some(signed_at)) => Self::Calling { signed_at, repeat: false },
            ("repeating", Some(signed_at)) => Self::Calling { signed_at, repeat: true },
            ("in_doubt", Some(signed_at)) => Self::InDoubt { signed_at, repeatable: true },
            ("in_doubt_spent", Some(signed_at)) => Self::InDoubt { signed_at, repeatable: false },
            ("waiting_out", Some(signed_at)) => Self::WaitingOut { signed_at },
            ("collided", Some(signed_at)) => Self::Collided { signed_at },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOLERANCE: u64 = 300;

    fn id(n: u8) -> MessageId {
        MessageId::from_bytes([n; 12])
    }

    #[test]
    fn a_crash_while_calling_leaves_the_send_in_doubt_and_a_look_settles_it() {
        let state = SendState::Calling { signed_at: 1000, repeat: false }.after_crash();
        assert_eq!(state.next(1001, TOLERANCE), Move::Look);
        assert_eq!(state.looked(Seen::There(id(1)), 1001, TOLERANCE), Outcome::Sent(Some(id(1))));
        assert_eq!(
            state.looked(Seen::Missing, 1001, TOLERANCE),
            Outcome::Next(SendState::Calling { signed_at: 1000, repeat: true }, Pause::No)
        );
    }

    #[test]
    fn a_repeat_that_was_refused_is_looked_for_twice_before_it_is_signed_afresh() {
        let repeat = SendState::Calling { signed_at: 1000, repeat: true };
        let Outcome::Next(spent, Pause::No) = repeat.answered(Answer::Replayed) else { panic!() };
        let Outcome::Next(waiting, Pause::No) = spent.looked(Seen::Missing, 1010, TOLERANCE) else { panic!() };
        assert_eq!(waiting.next(1010, TOLERANCE), Move::Wait { until: 1301 });
        assert_eq!(waiting.next(1301, TOLERANCE), Move::Look);
        assert_eq!(waiting.looked(Seen::Missing, 1301, TOLERANCE), Outcome::Next(SendState::Queued, Pause::No));
    }

    #[test]
    fn a_thread_that_cannot_be_read_parks_what_is_in_doubt_but_not_what_was_accepted() {
        let doubt = SendState::InDoubt { signed_at: 1000, repeatable: true };
        assert!(matches!(doubt.looked(Seen::Closed("gone".into()), 1001, TOLERANCE), Outcome::Parked(_)));
        assert_eq!(SendState::Unseen.looked(Seen::Closed("gone".into()), 1001, TOLERANCE), Outcome::Sent(None));
    }

    /// A host in small: what it stored, which requests it has seen, whether it remembers them.
    struct Host {
        now: u64,
        remembers: bool,
        accepted: Vec<u64>,
        messages: u32,
    }

    impl Host {
        fn receive(&mut self, signed_at: u64) -> Answer {
            if self.now.abs_diff(signed_at) > TOLERANCE {
                return Answer::ClockOff;
            }
            if self.remembers && self.accepted.contains(&signed_at) {
                return Answer::Replayed;
            }
            self.accepted.push(signed_at);
            self.messages += 1;
            Answer::Accepted(Some(id(1)))
        }
    }

    /// What befalls one step.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Well,
        NotLeft,
        LostOnTheWay,
        AnswerLost,
        CrashBefore,
        CrashAfter,
        TimePasses(u16),
        Busy,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            2 => Just(Fate::Well),
            1 => Just(Fate::NotLeft),
            2 => Just(Fate::LostOnTheWay),
            3 => Just(Fate::AnswerLost),
            2 => Just(Fate::CrashBefore),
            3 => Just(Fate::CrashAfter),
            3 => (1u16..400).prop_map(Fate::TimePasses),
            1 => Just(Fate::Busy),
        ]
    }

    proptest! {
        /// Whatever is lost, crashes or takes long: once all is well again, the message is there, exactly once; with a host that
        /// remembers requests and with one that does not.
        #[test]
        fn a_send_ends_in_the_thread_exactly_once(fates in prop::collection::vec(fate(), 0..40), remembers: bool) {
            let mut host = Host { now: 1_000_000, remembers, accepted: vec![], messages: 0 };
            let mut state = SendState::Queued;
            let fates = fates.into_iter().chain(std::iter::repeat(Fate::Well)).take(200);
            let mut sent = false;
            for fate in fates {
                if let Fate::TimePasses(seconds) = fate {
                    host.now += u64::from(seconds);
                    continue;
                }
                let outcome = match state.next(host.now, TOLERANCE) {
                    Move::Wait { until } => { host.now = until; continue; }
                    Move::Sign => {
                        let mut second = host.now;
                        while host.accepted.contains(&second) { second -= 1; }
                        state = SendState::Calling { signed_at: second, repeat: false };
                        continue;
                    }
                    Move::Look => {
                        let begun = host.now;
                        if matches!(fate, Fate::CrashBefore | Fate::CrashAfter) { continue; }
                        let seen = match fate {
                            Fate::NotLeft | Fate::LostOnTheWay | Fate::AnswerLost | Fate::Busy => Seen::Failed("cut".into()),
                            _ if host.messages > 0 => Seen::There(id(1)),
                            _ => Seen::Missing,
                        };
                        state.looked(seen, begun, TOLERANCE)
                    }
                    Move::Call { signed_at, .. } => match fate {
                        Fate::CrashBefore => { state = state.after_crash(); continue; }
                        Fate::CrashAfter => { host.receive(signed_at); state = state.after_crash(); continue; }
                        Fate::NotLeft => state.answered(Answer::NotLeft("refused".into())),
                        Fate::LostOnTheWay => state.answered(Answer::Doubtful("cut".into())),
                        Fate::AnswerLost => { host.receive(signed_at); state.answered(Answer::Doubtful("cut".into())) }
                        Fate::Busy => state.answered(Answer::Limited(None)),
                        Fate::Well | Fate::TimePasses(_) => { let answer = host.receive(signed_at); state.answered(answer) }
                    },
                };
                match outcome {
                    Outcome::Sent(_) => { sent = true; break; }
                    Outcome::Next(next, _) => state = next,
                    Outcome::Parked(why) => prop_assert!(false, "parked: {why}"),
                }
            }
            prop_assert!(sent, "still {state:?}");
            prop_assert_eq!(host.messages, 1);
        }

        #[test]
        fn a_state_survives_its_row(signed_at in 0u64..5_000_000_000, which in 0usize..8) {
            let state = [
                SendState::Queued, SendState::Unseen,
                SendState::Calling { signed_at, repeat: false }, SendState::Calling { signed_at, repeat: true },
                SendState::InDoubt { signed_at, repeatable: true }, SendState::InDoubt { signed_at, repeatable: false },
                SendState::WaitingOut { signed_at }, SendState::Collided { signed_at },
            ][which];
            let (word, second) = state.to_row();
            prop_assert_eq!(SendState::from_row(word, second), Some(state));
        }
    }
}
