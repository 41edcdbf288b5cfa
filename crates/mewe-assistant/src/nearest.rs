//! The known word that was perhaps meant.

/// Longer words are not compared: nobody mistypes that much.
const LONGEST: usize = 80;

/// The candidate that takes the fewest changed characters, if at most two and at most a third of them (one in a short one).
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    let close = |candidate: &'a str| {
        let known: Vec<char> = candidate.to_lowercase().chars().collect();
        let changes = distance(&word, &known);
        (changes <= (known.len() / 3).clamp(1, 2)).then_some((changes, candidate))
    };
    candidates.into_iter().filter_map(close).min_by_key(|(changes, _)| *changes).map(|(_, candidate)| candidate)
}

/// How many characters to insert, leave out or exchange, or neighbours to swap: the last is how people mistype.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn one_slip_is_forgiven_another_word_is_not() {
        let known = ["help", "threads", "Family", "Work"];
        assert_eq!(nearest("hlep", known), Some("help"));
        assert_eq!(nearest("famly", known), Some("Family"));
        assert_eq!(nearest("Wrok", known), Some("Work"));
        assert_eq!(nearest("hello", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
