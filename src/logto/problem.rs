//! What is wrong with a name of the file, and where it stands.

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line of `entitlements.yaml`, from 1.
    pub line: u32,
    /// The column of the name, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What the name is there for.
    pub of: Named,
}

/// What a name of the file is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// To be given by a product.
    Target,
    /// To be kept from all of them, by `protect.roles`.
    Protection,
}
