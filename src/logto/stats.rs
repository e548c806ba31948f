//! How often Logto was called, by route and by what it answered, and how long calls had to wait.
//!
//! A route is a template: an id in it stands as `{id}`, so that there are as many as the API has.

use std::collections::BTreeMap;
use std::time::Duration;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallStats {
    /// By method, route and `2xx`, `4xx`, `5xx`, or `none` where no answer came.
    pub calls: BTreeMap<(&'static str, String, &'static str), u64>,
    /// How long calls have waited for their turn or for the next try.
    pub slept: Duration,
}

/// The parts of a path that are names of the API.
const NAMES: [&str; 9] =
    ["api", "hooks", "oidc", "organization-roles", "organizations", "roles", "status", "token", "users"];

impl CallStats {
    /// Takes another one in.
    pub fn add(&mut self, other: &CallStats) {
        for (key, count) in &other.calls {
            *self.calls.entry(key.clone()).or_default() += count;
        }
        self.slept += other.slept;
    }

    /// One call.
    pub(super) fn note(&mut self, method: &'static str, path: &str, status: Option<u16>) {
        let class = match status {
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(_) => "5xx",
            None => "none",
        };
        *self.calls.entry((method, template(path), class)).or_default() += 1;
    }
}

fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| if part.is_empty() || NAMES.contains(&part) { part } else { "{id}" });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_part_of_a_route() {
        assert_eq!(template("/api/roles/abc/users/def?page=1"), "/api/roles/{id}/users/{id}");
        assert_eq!(template("/oidc/token"), "/oidc/token");
        assert_eq!(template("/api/organizations/x/users/y/roles/z"), "/api/organizations/{id}/users/{id}/roles/{id}");
    }
}
