//! "Did you mean": the known word nearest to the one that was written.
//!
//! Never changes what was written.

/// So many characters of a word are compared.
const COMPARED: usize = 64;

/// The candidate nearest to `written`, where one is near enough that a slip of the hand explains it.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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

/// The name that differs from `written` by one slip of the hand in its letters. Names are things of their own:
/// `Company 00000` is another customer than `Company 00005`, and `north` another place than `south`.
pub fn slip<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (folded, digits) = (fold(written), digits(written));
    let letters = folded.chars().filter(|char| char.is_alphabetic()).count();
    let numbered = numerals(written);
    let near = names.into_iter().filter_map(|name| {
        let known = fold(name);
        // Of a short name one letter is a third: that is another name.
        let allowed = usize::from(letters >= 4);
        let same = digits == self::digits(name) && numbered == numerals(name) && folded.chars().count() <= COMPARED;
        distance(&folded, &known, allowed).filter(|_| same).map(|steps| (steps, name))
    });
    near.min_by_key(|(steps, _)| *steps).map(|(_, name)| name)
}

/// The digits of a name, in order.
fn digits(text: &str) -> String {
    text.chars().filter(|char| char.is_numeric()).collect()
}

/// The words of a name that tell it from others like it as a number does: `A`, `UK`, `XIV`.
fn numerals(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !char.is_alphanumeric()).map(str::to_lowercase);
    let roman = |word: &str| word.chars().all(|char| "ivxlcdm".contains(char));
    let is_numeral = |word: &String| {
        let letters = word.chars().filter(|char| char.is_alphabetic()).count();
        letters > 0 && (letters < 4 || roman(word))
    };
    words.filter(is_numeral).collect()
}

/// Case, dashes and underscores are no difference worth a step.
fn fold(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; `None` above `most`.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(COMPARED).collect(), b.chars().take(COMPARED).collect());
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
    use super::{nearest, slip};

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
    fn a_name_is_suggested_for_a_slip_in_its_letters_only() {
        let names = ["Company 00000", "Company 00015", "paid-tier", "beta", "Region North", "Müller GmbH", "acme"];
        for (written, near) in [
            ("Compny 00000", Some("Company 00000")),
            ("company_00015", Some("Company 00015")),
            ("piad-tier", Some("paid-tier")),
            ("Paid Tier", Some("paid-tier")),
            ("bata", Some("beta")),
            ("Mülller GmbH", Some("Müller GmbH")),
            ("Company 00005", None),
            ("Company 0015", None),
            ("Company 00051", None),
            ("Company", None),
            ("Company ٥", None),
            ("Region South", None),
            ("acne2", None),
            ("", None),
        ] {
            assert_eq!(slip(written, names), near, "{written}");
        }
        // What stands for a number in a name, and names that are nothing else.
        let names = [
            "12345",
            "Team A",
            "Team UK",
            "Company XIV",
            "ACME",
            "GLOBEX",
            "HUB-7",
            "Kita Süd",
            "2026",
            "EU",
            "team-four",
        ];
        for (written, near) in [
            ("12346", None),
            ("1234", None),
            ("12354", None),
            ("12345", Some("12345")),
            ("Team B", None),
            ("Team US", None),
            ("Team KU", None),
            ("Tema UK", Some("Team UK")),
            ("Company XVI", None),
            ("Company XIII", None),
            ("Comapny XIV", Some("Company XIV")),
            ("acme", Some("ACME")),
            ("ACNE", Some("ACME")),
            ("GLOBXE", Some("GLOBEX")),
            ("GLOBAL", None),
            ("HUB-8", None),
            ("HUP-7", None),
            ("Kita Nord", None),
            ("Kiat Süd", Some("Kita Süd")),
            ("2025", None),
            ("EY", None),
            ("team-for", None),
            ("team-foru", Some("team-four")),
        ] {
            assert_eq!(slip(written, names), near, "{written}");
        }
        let long = "a".repeat(70);
        assert_eq!(slip(&format!("{long}b"), [format!("{long}c").as_str()]), None, "what is not compared may differ");
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
