//! "Did you mean": the known word nearest to the one that was written.
//!
//! Never changes what was written.

/// The candidate nearest to `written`, where one is near enough that a slip of the hand explains it.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(written);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let known = fold(candidate);
            let allowed = known.chars().count().max(folded.chars().count()) / 3;
            let steps = distance(&folded, &known, allowed)?;
            Some((steps, candidate))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Case, dashes and underscores are no difference worth a step.
fn fold(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; `None` above `most`.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut rows: [Vec<usize>; 3] = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, last, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    Some(rows[1][b.len()]).filter(|steps| *steps <= most)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_near_word_is_suggested() {
        let words = ["role", "roles", "organization"];
        assert_eq!(nearest("rolle", words), Some("role"));
        assert_eq!(nearest("orgnaization", words), Some("organization"));
        assert_eq!(nearest("Roles", words), Some("roles"));
        assert_eq!(nearest("price", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("fullPass", ["full_pass"]), Some("full_pass"));
    }

    #[test]
    fn slips_are_seen_and_strangers_are_not() {
        let names = ["paid-tier", "beta", "downloads", "admin"];
        assert_eq!(nearest("piad-tier", names), Some("paid-tier"));
        assert_eq!(nearest("Paid-Tier", names), Some("paid-tier"));
        assert_eq!(nearest("bata", names), Some("beta"));
        assert_eq!(nearest("download", names), Some("downloads"));
        assert_eq!(nearest("platinum", names), None);
        assert_eq!(nearest("", names), None);
    }
}
