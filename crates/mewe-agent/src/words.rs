//! The few sentences that the framework itself says. Everything else is the author's.

/// To an owner whom this application does not serve.
pub(crate) fn not_your_agent() -> String {
    "I work for somebody else and cannot be of use here. Please remove me.".to_owned()
}

/// To the owner, when an event failed for good.
pub(crate) fn parked(starts: u32) -> String {
    format!(
        "I could not handle something that happened: it failed {starts} times, so I set it aside. Whoever runs me finds it in the log."
    )
}
