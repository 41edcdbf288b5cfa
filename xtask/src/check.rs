//! Everything CI runs, the cheap steps first: a missing semicolon should not cost the time of a test run.
//!
//! One target directory and the dev profile for all of it. Tests come last and their total stands alone on the last line,
//! so that neither a person nor a log cut at its end misses it.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{setup, tidy};

/// What to run.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// One step instead of all.
    pub(crate) only: Option<Step>,
    /// What may be missing on this machine.
    pub(crate) without: Vec<String>,
}

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Fmt,
    Tidy,
    Clippy,
    Doc,
    Test,
}

impl Step {
    pub(crate) const ALL: [Self; 5] = [Self::Fmt, Self::Tidy, Self::Clippy, Self::Doc, Self::Test];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Test => "test",
        }
    }

    /// What cargo is told; nothing for the step that is ours.
    fn cargo(self) -> &'static [&'static str] {
        match self {
            Self::Fmt => &["fmt", "--all", "--check"],
            Self::Tidy => &[],
            Self::Clippy => &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
            Self::Doc => &["doc", "--workspace", "--no-deps"],
            // Doc tests included. All targets run even if one fails: the total is of everything.
            Self::Test => &["test", "--workspace", "--no-fail-fast"],
        }
    }

    /// Whether it compiles the workspace, and so needs what [`setup`] provides.
    fn compiles(self) -> bool {
        matches!(self, Self::Clippy | Self::Doc | Self::Test)
    }

    /// The command that runs this step alone, for a person to repeat.
    fn again(self) -> String {
        match self {
            Self::Fmt => "`cargo fmt --all` mends it; `cargo xtask check --only fmt` looks again".to_owned(),
            step => format!("run it again with `cargo xtask check --only {}`", step.name()),
        }
    }
}

/// Runs the steps until one fails. Whether none did.
pub(crate) fn check(root: &Path, options: &Options) -> bool {
    let steps: Vec<Step> = options.only.map_or_else(|| Step::ALL.to_vec(), |step| vec![step]);
    if steps.iter().any(|step| step.compiles())
        && let Err(missing) = setup::provide(&options.without, steps.contains(&Step::Test))
    {
        eprintln!("error: {missing}");
        return false;
    }
    let mut total = Total::default();
    let mut report = String::new();
    let mut failed = None;
    for step in steps {
        headline(step);
        let watch = Watch::start();
        let well = match step {
            Step::Tidy => tidy::report(root),
            Step::Test => cargo(root, step, &options.without, |line| total.count(line)) && total.passed > 0,
            _ => cargo(root, step, &[], |_| ()),
        };
        let verdict = if well { "ok" } else { "FAILED" };
        // Writing to a String cannot fail.
        let _ = writeln!(report, "{:<8}{verdict:<8}{:>7.1} s", step.name(), watch.elapsed().as_secs_f64());
        if !well {
            failed = Some(step);
            break;
        }
    }
    print!("\n{report}");
    if let Some(step) = failed {
        println!("error: step {} failed\nhint: {}", step.name(), step.again());
    }
    if total.targets > 0 {
        println!("{total}");
    }
    failed.is_none()
}

fn headline(step: Step) {
    match step.cargo() {
        [] => println!("== {}", step.name()),
        args => println!("== {}: cargo {}", step.name(), args.join(" ")),
    }
}

/// Runs cargo, showing what it prints as it comes and handing each line of its standard output to `see`.
fn cargo(root: &Path, step: Step, without: &[String], mut see: impl FnMut(&str)) -> bool {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(step.cargo()).current_dir(root).stdin(Stdio::null()).stdout(Stdio::piped());
    if step == Step::Doc {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    if !without.is_empty() {
        // What a test may do without; anything else that is missing makes it fail.
        command.env("MEWE_WITHOUT", without.join(","));
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("error: cargo does not start: {error}");
            return false;
        }
    };
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        // Bytes, not text: a test may print anything.
        while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            // A reader of ours that left does not stop the tests.
            let _ = std::io::stdout().write_all(&line);
            see(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    child.wait().is_ok_and(|status| status.success())
}

/// What all test targets said together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    targets: u32,
    passed: u64,
    failed: u64,
}

impl Total {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; …`; any other is passed over.
    fn count(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        let number = |word: &str| {
            let before = result.split(&format!(" {word}")).next()?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        };
        self.targets += 1;
        self.passed += number("passed").unwrap_or(0);
        self.failed += number("failed").unwrap_or(0);
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

struct Watch(std::time::Instant);

impl Watch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a person wants to know which step takes long; nothing depends on it"
    )]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_sum_of_all_targets_and_of_nothing_else() {
        let mut total = Total::default();
        for line in [
            "running 2 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "said: test result: ok. 99 passed; 0 failed",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        ] {
            total.count(line);
        }
        assert_eq!(total.to_string(), "15 passed, 2 failed");
        assert_eq!(total.targets, 2);
    }
}
