//! Colour, or none.

/// Whether the rendering uses ANSI colours. `NO_COLOR` is the caller's to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Text only.
    Plain,
    /// ANSI escapes.
    Ansi,
}

impl Color {
    /// `text` in the colour of an ANSI code: `32` green, `31` red, `33` yellow, `36` cyan, `2` dim, `1` bold.
    pub fn paint(self, code: &str, text: &str) -> String {
        match self {
            Color::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Color::Plain => text.to_owned(),
        }
    }
}
