//! What a test needs of the machine, and how it gets there.
//!
//! On Debian as root what is missing is installed; anywhere else it is named, with the command that would bring it. Nothing is
//! skipped in silence: only `--without NAME` goes on.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A thing that must be on the machine.
pub(crate) struct Need {
    /// What `--without` calls it.
    pub(crate) name: &'static str,
    /// What it is, and for what.
    why: &'static str,
    /// Whether it is there.
    found: fn() -> bool,
    /// Debian's packages of it.
    packages: &'static [&'static str],
}

/// Everything that some test needs.
pub(crate) const NEEDS: &[Need] = &[Need {
    name: "cc",
    why: "a C compiler: SQLite and the cryptography of rustls are compiled from source",
    found: c_compiler,
    packages: &["gcc", "libc6-dev"],
}];

/// Sees to it that everything is there, except what `without` names.
///
/// # Errors
/// What is missing, for what, and what to do.
pub(crate) fn provide(without: &[String]) -> Result<(), String> {
    for need in NEEDS.iter().filter(|need| !without.iter().any(|name| name == need.name)) {
        if (need.found)() {
            continue;
        }
        if debian_as_root() {
            println!("== setup: apt-get install {}", need.packages.join(" "));
            apt_get(&["update", "--quiet=2"])?;
            let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
            apt_get(&[&install[..], need.packages].concat())?;
        }
        if !(need.found)() {
            return Err(missing(need));
        }
    }
    Ok(())
}

fn missing(need: &Need) -> String {
    format!(
        "{} is missing ({})\nhint: on Debian: apt-get install {}; or go on without it: cargo xtask check --without {}",
        need.name,
        need.why,
        need.packages.join(" "),
        need.name
    )
}

fn apt_get(args: &[&str]) -> Result<(), String> {
    let status = Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get {} failed: {status}", args[0])),
        Err(error) => Err(format!("apt-get does not start: {error}")),
    }
}

fn debian_as_root() -> bool {
    Path::new("/etc/debian_version").exists() && says(Command::new("id").arg("-u")).as_deref() == Some("0")
}

fn c_compiler() -> bool {
    let chosen = std::env::var("CC").ok().filter(|cc| !cc.is_empty());
    chosen.as_deref().into_iter().chain(["cc", "gcc", "clang"]).any(runs)
}

/// Whether `program --version` succeeds.
fn runs(program: &str) -> bool {
    says(Command::new(program).arg("--version")).is_some()
}

/// The trimmed standard output of a command that succeeds.
fn says(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_its_remedy() {
        let need = Need { name: "browser", why: "to look at pages", found: || false, packages: &["chromium"] };
        let words = missing(&need);
        for part in ["browser is missing", "to look at pages", "apt-get install chromium", "--without browser"] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_does_not_run() {
        assert!(!runs("there-is-no-such-program"));
    }
}
