//! The payment APIs known by name: each a block of `kind: http` with the blanks filled in.
//!
//! Holds texts only. Reading them is the work of `config`, by the very code that reads the user's file.

/// Every preset, by name: the text is YAML with the keys of a `kind: http` source.
pub const PRESETS: [(&str, &str); 3] = [
    ("bitcart", include_str!("presets/bitcart.yaml")),
    ("medusa", include_str!("presets/medusa.yaml")),
    ("openbitum", include_str!("presets/openbitum.yaml")),
];

/// The text of the preset of that name.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
