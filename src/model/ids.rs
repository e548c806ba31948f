//! Newtypes for every id, so that a product never stands where a role is meant.
//!
//! Ids of the outside world are strings. Inside a pass they are interned to the small integers at the
//! end of this file, so that a million orders cost no string each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In the version of a configuration, what stands between a commit and the SHA-256 of a file that is not as in that
/// commit.
pub const EDITED: &str = "+edited.";

macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as the outside world writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

string_ids! {
    /// A Logto user: 12 characters of `[a-z0-9]`.
    UserId
    /// A tenant-level Logto role: 21 characters.
    RoleId
    /// A Logto organization: 12 to 21 characters.
    OrganizationId
    /// A Logto organization role: 21 characters. It exists once in the template, and is held per organization.
    OrganizationRoleId
    /// An order, as its payment API names it. Unique within a source only.
    OrderId
    /// A product, as its payment API names it. Unique within a source only.
    ProductId
    /// The name of a source in `entitlements.yaml`.
    SourceName
    /// One pass. Sorts by time of start.
    RunId
}

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident($repr:ty))*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl $name {
            /// The index as a position in a slice.
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

indices! {
    /// A user within one pass: the rank of the id among all users of that pass, so it sorts as the ids do.
    UserIx(u32)
    /// A target within one pass: its position in [`Catalog::targets`](super::Catalog::targets).
    TargetIx(u16)
    /// A product within one pass: its position in [`Catalog::products`](super::Catalog::products).
    ProductIx(u16)
    /// An order's row in the store. Stable over passes, and never reused.
    OrderKey(u32)
}
