//! Which deliveries were taken already: the last ones, each as a few bytes, however long its id is.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

/// So many deliveries are remembered. A sender tries again within hours, and few come in that time.
const MOST: usize = 4_096;

/// The last deliveries of one sender. At the most some 200 KB.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    known: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Seen {
    /// Whether a delivery was taken before.
    pub(crate) fn knows(&self, delivery: &str) -> bool {
        self.known.contains(&short(delivery))
    }

    /// Remembers a delivery.
    pub(crate) fn note(&mut self, delivery: &str) {
        let id = short(delivery);
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn short(delivery: &str) -> [u8; 16] {
    Sha256::digest(delivery)[..16].try_into().expect("a digest has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known_and_no_more_are_kept() {
        let mut seen = Seen::default();
        (0..10_000).for_each(|number| seen.note(&number.to_string()));
        assert_eq!((seen.known.len(), seen.order.len()), (MOST, MOST));
        assert!(seen.knows("9999") && !seen.knows("0"));
    }
}
