//! Many values in one request: as many as fit, and fewer if Logto refuses them.

use std::collections::BTreeSet;

use super::error::LogtoError;
use super::paging::PAGE;

/// The most bytes of values in one question, their names aside: Logto's limit for a whole head is
/// 16 KiB, and proxies in front of it often allow 8 KiB.
const QUERY_BYTES: usize = 4 * 1024;

/// Values that Logto refuses to be asked for, so that one of them costs nobody but whoever it is about.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// How many were refused alone.
    values: usize,
}

/// So many refused values are no accident: what Logto refuses is the question.
const TOO_MANY_REFUSED: usize = 20;

impl Refused {
    /// The halves of a group that Logto refuses to be asked for, or nothing where a single value is what it refuses.
    ///
    /// # Errors
    /// What is no refusal of the values, and one refusal too many.
    pub(super) fn apart<'v>(
        &mut self,
        mut group: Vec<&'v str>,
        error: LogtoError,
    ) -> Result<Vec<Vec<&'v str>>, LogtoError> {
        // Not well formed, too long in one way or another, not to be processed.
        let of_values = matches!(error, LogtoError::Refused { status: 400 | 413 | 414 | 422 | 431, .. });
        if !of_values || self.values >= TOO_MANY_REFUSED {
            return Err(error);
        }
        if group.len() > 1 {
            let half = group.split_off(group.len() / 2);
            return Ok(vec![group, half]);
        }
        self.values += 1;
        // Not by its value, which may be an address.
        tracing::warn!(%error, bytes = group[0].len(), "Logto refuses to look up a buyer, who counts as having no account");
        Ok(Vec::new())
    }
}

/// Groups of at most 100 values that fit a query.
pub(super) fn small_enough(values: BTreeSet<&str>) -> Vec<Vec<&str>> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut bytes = 0;
    for value in values {
        let length: usize = value.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
        match groups.last_mut() {
            Some(group) if group.len() < PAGE && bytes + length <= QUERY_BYTES => {
                group.push(value);
                bytes += length;
            }
            _ => {
                groups.push(vec![value]);
                bytes = length;
            }
        }
    }
    groups
}
