//! Rules that are cheap for a machine to keep and tedious for a person: what belongs together stays together.
//!
//! A crash point without a test, a decision without its paragraph, an invariant whose test was renamed away: each is a
//! sentence somewhere that has stopped being true. The names are found by plain scanning; a rule that needs a parser does
//! not belong here.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// No file is larger, in bytes.
const MAX_FILE: u64 = 1_000_000;
/// The two commands that the first screen of README.md must hold.
const COMMANDS: [&str; 2] = ["cargo run --release -- dev", "cargo xtask check"];

/// Prints what breaks a rule. Whether nothing does.
pub(crate) fn report(root: &Path) -> bool {
    let faults = match Tree::read(root) {
        Ok(tree) => tree.faults(),
        Err(error) => vec![format!("the tree cannot be read: {error}")],
    };
    for fault in &faults {
        println!("{fault}");
    }
    faults.is_empty()
}

/// The text files that the rules speak of, by their path from the root, and what is too large.
#[derive(Default)]
struct Tree {
    files: Vec<(String, String)>,
    large: Vec<String>,
}

impl Tree {
    fn read(root: &Path) -> std::io::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.files.sort();
        Ok(tree)
    }

    fn walk(&mut self, dir: &Path, prefix: &str) -> std::io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, kind): (PathBuf, _) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                // What cargo and git keep is not the tree.
                if name != "target" && name != ".git" {
                    self.walk(&path, &format!("{prefix}{name}/"))?;
                }
            } else if kind.is_file() {
                let here = format!("{prefix}{name}");
                if entry.metadata()?.len() > MAX_FILE {
                    self.large.push(here);
                } else if path.extension().is_some_and(|ext| ext == "rs" || ext == "md" || ext == "toml") {
                    self.files.push((here, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
                }
            }
        }
        Ok(())
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|(here, _)| here == path).map(|(_, text)| text.as_str())
    }

    fn below<'a>(&'a self, prefix: &'a str, ext: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let files = self.files.iter().filter(move |(path, _)| path.starts_with(prefix) && path.ends_with(ext));
        files.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> =
            self.large.iter().map(|path| format!("{path}: larger than {MAX_FILE} bytes")).collect();
        faults.extend(self.white_space());
        faults.extend(self.commands());
        faults.extend(self.dependencies());
        faults.extend(self.kill_points());
        faults.extend(self.decisions());
        faults.extend(self.invariants());
        faults
    }

    fn white_space(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (path, text) in &self.files {
            for (at, line) in text.split('\n').enumerate() {
                let at = at + 1;
                if line.contains('\t') {
                    faults.push(format!("{path}:{at}: a tab"));
                }
                if line.ends_with([' ', '\r']) {
                    faults.push(format!("{path}:{at}: white space at the end of the line"));
                }
            }
        }
        faults
    }

    fn commands(&self) -> Vec<String> {
        let readme = self.text("README.md").unwrap_or("");
        let absent = COMMANDS.into_iter().filter(|command| !readme.contains(command));
        absent.map(|command| format!("README.md: the command `{command}` is not there")).collect()
    }

    /// Each dependency says why it was taken.
    fn dependencies(&self) -> Vec<String> {
        const PAGE: &str = "docs/dependencies.md";
        let manifest = self.text("Cargo.toml").unwrap_or("");
        let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or("");
        let section = section.split("\n[").next().unwrap_or("");
        let names = section.lines().filter_map(|line| Some(line.split_once('=')?.0.trim()));
        let page = self.text(PAGE).unwrap_or("");
        names
            .filter(|name| !name.starts_with("mewe-") && !page.contains(&format!("| `{name}` |")))
            .map(|name| format!("{PAGE}: no line says why `{name}` is a dependency"))
            .collect()
    }

    /// A place that a crash must not hurt is one only if a test crashes there.
    fn kill_points(&self) -> Vec<String> {
        let tests: String = self.below("tests/it/", ".rs").flat_map(|(_, text)| code(text)).collect();
        let mut faults = Vec::new();
        for (path, text) in self.below("crates/", ".rs") {
            for name in code(text).flat_map(|line| quoted_after(line, "kill_point!(")) {
                // Opened by a quote: a word of some sentence is no test.
                if !contains_word(&tests, &format!("\"{name}")) {
                    faults.push(format!("{path}: no test in tests/it is killed at `{name}`"));
                }
            }
        }
        faults
    }

    /// Each decision that is a constant has its paragraph.
    fn decisions(&self) -> Vec<String> {
        const DECIDED: &str = "crates/mewe-protocol/src/decided.rs";
        const PAGE: &str = "docs/wire.md";
        let page = self.text(PAGE).unwrap_or("");
        let mut faults = Vec::new();
        let mut numbers: Vec<&str> = Vec::new();
        for line in self.text(DECIDED).unwrap_or("").lines() {
            if line.starts_with("///") {
                numbers.extend(words(line).filter(|word| is_number(word)));
            } else if let Some(rest) = line.strip_prefix("pub const ").filter(|rest| !rest.starts_with("fn ")) {
                let name = rest.split(':').next().unwrap_or(rest);
                if numbers.is_empty() {
                    faults.push(format!("{DECIDED}: {name} names no paragraph of {PAGE} (such as D5)"));
                }
                for number in numbers.drain(..).filter(|number| !contains_word(page, number)) {
                    faults.push(format!("{PAGE}: there is no {number}, which {name} in {DECIDED} names"));
                }
            } else if !line.starts_with("#[") {
                numbers.clear();
            }
        }
        faults
    }

    /// Each invariant names a test that exists.
    fn invariants(&self) -> Vec<String> {
        const PAGE: &str = "ARCHITECTURE.md";
        let Some(page) = self.text(PAGE) else {
            return vec![format!("{PAGE}: is not there")];
        };
        let mut faults = Vec::new();
        for (at, line) in page.lines().enumerate() {
            for named in line.split("test: ").skip(1) {
                let path = named.split(|c: char| !(c.is_ascii_alphanumeric() || "_:/.-".contains(c))).next();
                let name = path.unwrap_or("").trim_end_matches([':', '.']).rsplit("::").next().unwrap_or("");
                let head = format!("fn {name}(");
                if name.is_empty() || !self.below("", ".rs").any(|(_, text)| text.contains(&head)) {
                    faults.push(format!("{PAGE}:{}: there is no test `{name}`", at + 1));
                }
            }
        }
        faults
    }
}

/// The lines of `text` that are no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Each string literal that directly follows `opening` in `line`.
fn quoted_after<'a>(line: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(opening).skip(1).filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_part_of_a_name(c)).filter(|word| !word.is_empty())
}

/// `D` or `S` and digits: a paragraph of the page about the wire.
fn is_number(word: &str) -> bool {
    word.strip_prefix(['D', 'S']).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part_of_a_name) && !text[at + word.len()..].starts_with(is_part_of_a_name)
    })
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Tree { files, large: Vec::new() }
    }

    #[test]
    fn a_tab_and_a_space_at_the_end_are_found_with_their_line() {
        let faults = tree(&[("a.rs", "fn a() {}\n\tlet b;\nlet c; \n")]).white_space();
        assert_eq!(faults, ["a.rs:2: a tab", "a.rs:3: white space at the end of the line"]);
    }

    #[test]
    fn a_readme_without_its_commands_is_found() {
        assert_eq!(tree(&[]).commands().len(), 2);
        assert!(tree(&[("README.md", "`cargo run --release -- dev`, `cargo xtask check`")]).commands().is_empty());
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest = "[workspace.dependencies]\nmewe-host = { path = \"a\" }\n\nurl = \"2\"\nurls = \"2\"\n\n[profile.dev]\ndebug = 1\n";
        let tree = tree(&[("Cargo.toml", manifest), ("docs/dependencies.md", "| `url` | parsing | MIT |")]);
        assert_eq!(tree.dependencies(), ["docs/dependencies.md: no line says why `urls` is a dependency"]);
    }

    #[test]
    fn a_kill_point_that_no_test_names_is_found_and_a_longer_name_does_not_cover_it() {
        let source = "/// kill_point!(\"in prose\")\n    kill_point!(\"call\"); mewe_runtime::kill_point!(\"commit\");";
        let faults = tree(&[("crates/a/src/b.rs", source), ("tests/it/kills.rs", "[\"call_in_flight\", \"commit\"]")])
            .kill_points();
        assert_eq!(faults, ["crates/a/src/b.rs: no test in tests/it is killed at `call`"]);
    }

    #[test]
    fn a_decision_without_a_paragraph_is_found() {
        let decided = "//! D9 is prose.\n/// Off by (D5).\npub const A: u64 = 1;\n/// Of (D1), see\n/// (docs/wire.md, S3).\n\
                       pub const B: u64 = 2;\n/// Of nothing.\npub const C: u64 = 3;\n";
        let tree = tree(&[("crates/mewe-protocol/src/decided.rs", decided), ("docs/wire.md", "D5, D11, S3")]);
        let faults = tree.decisions();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("no D1") && faults[0].contains("which B"), "{faults:?}");
        assert!(faults[1].contains("C names no paragraph"), "{faults:?}");
    }

    #[test]
    fn an_invariant_whose_test_is_gone_is_found() {
        let page = "Stored first (test: inbox::stored_before_200).\nIn order: `test: tests/it/order.rs::in_order`.";
        let tree = tree(&[("ARCHITECTURE.md", page), ("tests/it/order.rs", "async fn in_order() {")]);
        assert_eq!(tree.invariants(), ["ARCHITECTURE.md:1: there is no test `stored_before_200`"]);
    }

    #[test]
    fn a_tree_without_its_architecture_is_found() {
        assert_eq!(tree(&[]).invariants(), ["ARCHITECTURE.md: is not there"]);
    }
}
