//! The payment APIs known by name: each a block of `kind: http` with the blanks filled in, one YAML file in
//! the folder beside this one.
//!
//! The other kinds of a source stand in a folder of their own, for `source list` and `source show`.
//! Holds texts and takes apart their headings only. Reading the YAML is the work of `config`, by the very
//! code that reads the user's file.

// Written by `build.rs` from what the folder holds.
include!(concat!(env!("OUT_DIR"), "/presets.rs"));

/// What stands between the title and the lines that a user adds.
const TO_BE_ADDED: &str = "# To be added:";

/// What `kind:` may be besides the name of a preset, each as a preset is written: what must be added, and what it is
/// otherwise.
pub const KINDS: [(&str, &str); 4] = [
    ("stripe", include_str!("kinds/stripe.yaml")),
    ("http", include_str!("kinds/http.yaml")),
    ("file", include_str!("kinds/file.yaml")),
    ("sandbox", include_str!("kinds/sandbox.yaml")),
];

/// The text of the preset of that name.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A preset taken apart: the comment at its top, and what follows.
///
/// The comment begins with the title, in one line. Its lines after `# To be added:` that are set in are the
/// YAML that a user adds, such as `url` and `auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading<'t> {
    /// What it reads, in one line.
    pub title: &'t str,
    /// The rest of the comment, without its marks.
    pub prose: Vec<&'t str>,
    /// What a user adds, line by line.
    pub add: Vec<&'t str>,
    /// The keys of the preset, line by line, without `kind`.
    pub body: Vec<&'t str>,
}

impl<'t> Heading<'t> {
    /// Takes the text of a preset apart.
    pub fn of(text: &'t str) -> Self {
        let above = text.lines().take_while(|line| line.starts_with('#'));
        let (mut prose, mut add) = (Vec::new(), Vec::new());
        let mut adding = false;
        for line in above.skip(1) {
            let bare = line[1..].strip_prefix(' ').unwrap_or(&line[1..]);
            match bare.strip_prefix("  ") {
                _ if line == TO_BE_ADDED => adding = true,
                Some(yaml) if adding => add.push(yaml),
                _ => {
                    adding = false;
                    prose.push(bare);
                }
            }
        }
        // Without the block of lines to add, the blank lines around it are one.
        prose.dedup_by(|later, earlier| later.is_empty() && earlier.is_empty());
        let below = text.lines().skip_while(|line| line.starts_with('#'));
        Self {
            title: text.lines().next().unwrap_or_default().trim_start_matches('#').trim().trim_end_matches('.'),
            prose,
            add,
            body: below.filter(|line| !line.starts_with("kind:")).collect(),
        }
    }
}
