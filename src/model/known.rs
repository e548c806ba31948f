//! What names of the file stand for.

use std::collections::BTreeMap;

/// By kind ([`ROLE`], [`ORGANIZATION`], [`ORGANIZATION_ROLE`]) and name: the id that it stands for.
pub type KnownNames = BTreeMap<(String, String), String>;

/// The kind of a tenant-level role.
pub const ROLE: &str = "role";
/// The kind of an organization.
pub const ORGANIZATION: &str = "organization";
/// The kind of a role in organizations.
pub const ORGANIZATION_ROLE: &str = "organization role";

/// The id that a name of this kind stands for.
pub fn known_id<'a>(known: &'a KnownNames, kind: &str, name: &str) -> Option<&'a str> {
    known.get(&(kind.to_owned(), name.to_owned())).map(String::as_str)
}
