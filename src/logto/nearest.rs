//! Which of several names somebody probably meant.

/// The candidate nearest to `wrong`, where one is near enough to be a slip of the hand: at most one edit
/// for every three letters, case aside. An edit inserts, drops, replaces or swaps with its neighbour.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_lowercase().chars().collect();
    let limit = wrong.len().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wrong, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance: Damerau's, without edits inside a swapped pair.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

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

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(super::distance(&['a', 'b'], &['b', 'a']), 1);
        assert_eq!(super::distance(&['a', 'b', 'c'], &[]), 3);
    }
}
