//! Ids that rise.
//!
//! They begin with the second in which they were issued, as the page's do (docs/wire.md, D17), and the host never issues one
//! that is not greater than the one before, whatever the clock does in between: pages are cut by id, and "newer than" must mean
//! the same before and after a clock was set back.

use jiff::Timestamp;

/// The id after `last`: four bytes of seconds, then eight that begin anywhere in a new second and rise by a random step within one.
pub(crate) fn next(last: [u8; 12], now: Timestamp, dice: u64) -> [u8; 12] {
    let [a, b, c, d, rest @ ..] = last;
    let (last_seconds, last_rest) = (u32::from_be_bytes([a, b, c, d]), u64::from_be_bytes(rest));
    let seconds = u32::try_from(now.as_second().max(0)).unwrap_or(u32::MAX);
    // Half of the range is left for the ids of this second, each at most 2^24 further.
    let fresh = dice >> 1;
    if seconds > last_seconds {
        return join(seconds, fresh);
    }
    match last_rest.checked_add(1 + (dice >> 40)) {
        Some(rest) => join(last_seconds, rest),
        None => join(last_seconds.saturating_add(1), fresh),
    }
}

fn join(seconds: u32, rest: u64) -> [u8; 12] {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    id[4..].copy_from_slice(&rest.to_be_bytes());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_its_second() {
        let id = next([0; 12], Timestamp::from_second(1_764_000_000).unwrap(), u64::MAX);
        assert_eq!(id[..4], 1_764_000_000_u32.to_be_bytes());
    }

    proptest::proptest! {
        #[test]
        fn ids_rise_whatever_clock_and_dice_do(steps in proptest::collection::vec((0i64..4_000_000_000, proptest::num::u64::ANY), 2..50)) {
            let mut last = [0; 12];
            for (second, dice) in steps {
                let id = next(last, Timestamp::from_second(second).unwrap(), dice);
                proptest::prop_assert!(id > last);
                last = id;
            }
        }
    }
}
