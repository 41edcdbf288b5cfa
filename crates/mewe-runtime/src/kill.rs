//! Places that a crash must not hurt, and the crash itself.
//!
//! [`kill_point!`](crate::kill_point) marks such a place by name. In debug builds `MEWE_KILL_AT=name:n` lets the process
//! SIGKILL itself when it passes the place for the n-th time: no destructor runs, nothing is flushed, as when the power goes.
//! Release builds hold no trace of it.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

struct Order {
    name: String,
    at: u64,
    passed: AtomicU64,
}

/// Called by [`kill_point!`](crate::kill_point).
pub fn pass(name: &str) {
    static ORDER: OnceLock<Option<Order>> = OnceLock::new();
    let order = ORDER.get_or_init(|| {
        let text = std::env::var("MEWE_KILL_AT").ok()?;
        let (name, at) = text.rsplit_once(':')?;
        Some(Order { name: name.to_owned(), at: at.parse().ok()?, passed: AtomicU64::new(0) })
    });
    if let Some(order) = order
        && order.name == name
        && order.passed.fetch_add(1, Ordering::SeqCst) + 1 == order.at
    {
        end_here(name);
    }
}

fn end_here(name: &str) {
    use std::io::Write;
    // Straight to the descriptor, since nothing after this line runs.
    let _ = writeln!(std::io::stderr(), "killed at {name}");
    #[cfg(unix)]
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    // Where there is no SIGKILL, and until it arrives.
    std::process::abort();
}

/// Marks a place where a crash must lose nothing and double nothing. Costs nothing in release builds.
#[macro_export]
macro_rules! kill_point {
    ($name:literal) => {
        if cfg!(debug_assertions) {
            $crate::kill::pass($name);
        }
    };
}
