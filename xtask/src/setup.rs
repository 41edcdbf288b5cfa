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
    /// The command that brings it, and comes with those packages; nothing where they are the thing itself.
    command: &'static [&'static str],
    /// Whether it is wanted only where tests run, not where they are compiled.
    only_to_run: bool,
}

/// The page's judge of accessibility, in the one version that all machines use.
const AXE: &str = "axe-core@4.14.1";
/// Where it lies, below the root; tests/it/support/browser.rs looks for it here.
const AXE_DIR: &str = "target/axe";

/// Everything that some test needs.
pub(crate) const NEEDS: &[Need] = &[
    Need {
        name: "cc",
        why: "a C compiler: SQLite and the cryptography of rustls are compiled from source",
        found: c_compiler,
        packages: &["gcc", "libc6-dev"],
        command: &[],
        only_to_run: false,
    },
    Need {
        name: "browser",
        why: "Chromium and its driver: the console is tested in a real browser",
        found: || runs("chromium") && runs("chromedriver"),
        // The fonts are for what people write: without them the pictures that the tests take would hold empty boxes.
        packages: &["chromium", "chromium-driver", "fonts-noto-core", "fonts-noto-color-emoji"],
        command: &[],
        only_to_run: true,
    },
    Need {
        name: "axe",
        why: "axe-core: it judges whether everybody can use the console",
        found: axe,
        packages: &["npm"],
        // Nothing but the files of that one package, and nothing of it is run.
        command: &[
            "npm",
            "install",
            "--prefix",
            AXE_DIR,
            "--no-save",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            AXE,
        ],
        only_to_run: true,
    },
];

/// Sees to it that everything is there which compiling, or running the tests, wants, except what `without` names.
///
/// # Errors
/// What is missing, for what, and what to do.
pub(crate) fn provide(without: &[String], to_run: bool) -> Result<(), String> {
    let wanted = NEEDS.iter().filter(|need| to_run || !need.only_to_run);
    let (waived, wanted): (Vec<&Need>, Vec<&Need>) =
        wanted.partition(|need| without.iter().any(|name| name == need.name));
    for need in waived {
        println!("== setup: without {} ({})", need.name, need.why);
    }
    let missing: Vec<&Need> = wanted.into_iter().filter(|need| !(need.found)()).collect();
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages_to_install()).copied().collect();
    if !packages.is_empty() && debian_as_root() {
        println!("== setup: apt-get install {}", packages.join(" "));
        apt_get(&["update", "--quiet=2"])?;
        let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
        apt_get(&[&install[..], &packages].concat())?;
    }
    for need in missing {
        if let [program, args @ ..] = need.command
            && runs(program)
        {
            println!("== setup: {}", need.command.join(" "));
            // Whether it went well is seen by what is there.
            let _ = Command::new(program).args(args).current_dir(crate::root()).stdin(Stdio::null()).status();
        }
        if !(need.found)() {
            return Err(need.missing());
        }
    }
    Ok(())
}

impl Need {
    /// The packages that bring it; none where its command is there already, wherever that came from.
    fn packages_to_install(&self) -> &'static [&'static str] {
        match self.command {
            [program, ..] if runs(program) => &[],
            _ => self.packages,
        }
    }

    fn missing(&self) -> String {
        let mut remedy = format!("apt-get install {}", self.packages.join(" "));
        if !self.command.is_empty() {
            remedy = format!("{remedy} && {}", self.command.join(" "));
        }
        format!(
            "{} is missing ({})\nhint: on Debian: {remedy}; or go on without it: cargo xtask check --without {}",
            self.name, self.why, self.name
        )
    }
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

/// Whether axe-core is there, in the version that is wanted.
fn axe() -> bool {
    let (name, version) = AXE.split_once('@').unwrap_or((AXE, ""));
    let manifest = crate::root().join(AXE_DIR).join("node_modules").join(name).join("package.json");
    std::fs::read_to_string(manifest).is_ok_and(|text| text.contains(&format!("\"version\": \"{version}\"")))
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

    const NEED: Need = Need {
        name: "browser",
        why: "to look at pages",
        found: || false,
        packages: &["chromium"],
        command: &[],
        only_to_run: true,
    };

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_its_remedy() {
        let words = NEED.missing();
        for part in ["browser is missing", "to look at pages", "apt-get install chromium;", "--without browser"] {
            assert!(words.contains(part), "{words}");
        }
        let words = Need { packages: &["npm"], command: &["npm", "install", "axe"], ..NEED }.missing();
        assert!(words.contains("apt-get install npm && npm install axe;"), "{words}");
    }

    #[test]
    fn no_package_is_installed_for_a_command_that_is_there() {
        let with = |command| Need { command, ..NEED }.packages_to_install();
        assert_eq!(with(&[]), ["chromium"]);
        assert_eq!(with(&["there-is-no-such-program"]), ["chromium"]);
        assert!(with(&["cargo", "install"]).is_empty());
    }

    #[test]
    fn a_program_that_is_not_there_does_not_run() {
        assert!(!runs("there-is-no-such-program"));
    }
}
