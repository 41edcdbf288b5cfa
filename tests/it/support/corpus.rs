//! Texts that a careless page would run, read from `tests/it/xss.txt`.

/// Every case, as a person would have written it.
pub(crate) fn corpus() -> Vec<String> {
    let lines = include_str!("../xss.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with("# ")).map(unescaped).collect()
}

/// `\n`, `\u{202E}` and the others as in Rust, and `\{ab*300}` three hundred times `ab`.
fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('0') => text.push('\0'),
            Some('\\') => text.push('\\'),
            Some('u') => {
                let (code, behind) =
                    chars.as_str().strip_prefix('{').and_then(|code| code.split_once('}')).expect(line);
                text.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32).map(Some).expect(line));
                chars = behind.chars();
            }
            Some('{') => {
                let (piece, behind) = chars.as_str().split_once('*').expect(line);
                let (count, behind) = behind.split_once('}').expect(line);
                text.push_str(&unescaped(piece).repeat(count.parse().expect(line)));
                chars = behind.chars();
            }
            _ => panic!("an escape that is none: {line}"),
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::support::Browser;

    #[test]
    fn an_escape_stands_for_what_it_says() {
        assert_eq!(unescaped(r"a\r\n\0\\n\u{2028}<\{\u{41}b*3}>"), "a\r\n\0\\n\u{2028}<AbAbAb>");
    }

    #[test]
    fn a_page_that_escapes_nothing_is_bitten_often_and_one_that_escapes_never() {
        let corpus = corpus();
        assert!(corpus.len() >= 200 && corpus.iter().collect::<BTreeSet<_>>().len() == corpus.len());
        let Some(browser) = Browser::start() else { return };
        let instead = json!({ "source": "window.alert = () => { window.__xss = 1 }" });
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", &instead);
        browser.open("about:blank");
        let escaped = "for (const text of arguments[0]) {
                document.body.append(Object.assign(document.createElement('p'), { textContent: text }));
            }
            return [...document.querySelectorAll('p')].map(p => p.textContent)";
        assert_eq!(browser.run_with(escaped, &json!([corpus])), json!(corpus));
        assert!(browser.run("return window.__xss").is_null());
        // Each case in a frame of its own: some end a page, or lead away from it.
        let unescaped = "for (const text of arguments[0]) {
                const frame = document.createElement('iframe');
                document.body.append(frame);
                frame.contentDocument.write(text);
                frame.contentDocument.close();
            }";
        browser.run_with(unescaped, &json!([corpus]));
        let bitten = "return [...document.querySelectorAll('iframe')].filter(frame => {
                // One that was led away is as foreign as any page.
                try { return frame.contentWindow.__xss } catch { return false }
            }).length";
        browser.until("a hundred bites", || (browser.run(bitten).as_u64()? >= 100).then_some(()));
        // What runs complains, too; it ends with its page.
        browser.open("about:blank");
        browser.log();
    }
}
