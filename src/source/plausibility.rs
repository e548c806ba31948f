//! Whether a full read may be believed. Pure.
//!
//! Never looks into an order: it compares counts, and looks for ids.

use super::shrunk::Shrunk;
use super::{OverlayRows, ReadReport, Scope, SourceError};
use crate::config::settings::source::Expect;
use crate::model::OrderId;

/// Compares a full read with the last good one and with `expect`.
///
/// `max_shrink` is the share that may be gone, in percent; 100 switches that check off. Below 100, an
/// empty read after one with orders is refused whatever the share: real payment APIs answer a mistyped
/// sort column with an empty page and status 200 (Bitcart 0.10.3).
pub fn believable(last_full_count: Option<u64>, now_count: u64, expect: &Expect) -> Result<(), Shrunk> {
    if now_count < u64::from(expect.min_items) {
        return Err(Shrunk::TooFew { now: now_count, min: expect.min_items });
    }
    let Some(before) = last_full_count.filter(|_| expect.max_shrink < 100.0) else {
        return Ok(());
    };
    if now_count == 0 && before > 0 {
        return Err(Shrunk::Emptied { before });
    }
    let gone = before.saturating_sub(now_count) as f64;
    if gone > before as f64 * expect.max_shrink / 100.0 {
        return Err(Shrunk::Shrank { now: now_count, before, allowed: expect.max_shrink });
    }
    Ok(())
}

/// Rows of a full read that may be odd whatever their share.
const ODD: u64 = 20;

impl ReadReport {
    /// Refuses a full read, and any read of a whole overlay, of which so much is odd that the mapping must be wrong:
    /// more than a tenth, and at least twenty rows. What it gave is stored all the same, and the source is not whole.
    ///
    /// # Errors
    /// [`SourceError::Odd`] and [`SourceError::OddOverlay`].
    pub fn readable(&self) -> Result<(), SourceError> {
        let of_overlays: u64 = self.overlays.iter().map(|overlay| overlay.odd).sum();
        let rows = self.orders + self.nameless.rows.saturating_sub(of_overlays);
        if self.scope == Scope::Full && is_too_odd(self.odd, rows) {
            return Err(SourceError::Odd { odd: self.odd, rows });
        }
        overlays_readable(&self.overlays)
    }
}

/// The same for overlays alone.
pub(super) fn overlays_readable(overlays: &[OverlayRows]) -> Result<(), SourceError> {
    match overlays.iter().find(|overlay| is_too_odd(overlay.odd, overlay.rows)) {
        Some(OverlayRows { path, rows, odd }) => {
            Err(SourceError::OddOverlay { path: path.clone(), odd: *odd, rows: *rows })
        }
        None => Ok(()),
    }
}

fn is_too_odd(odd: u64, rows: u64) -> bool {
    odd >= ODD && odd.saturating_mul(10) > rows
}

/// Refuses a read that lacks an order which must be there.
pub(super) fn present(canary: &[OrderId], seen: impl Fn(&OrderId) -> bool) -> Result<(), Shrunk> {
    match canary.iter().find(|id| !seen(id)) {
        Some(id) => Err(Shrunk::NoCanary { id: id.to_string() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::source::TotalCheck;

    fn expect(max_shrink: f64, min_items: u32) -> Expect {
        Expect { max_shrink, min_items, total: TotalCheck::Ignored, canary: Vec::new(), live: None }
    }

    #[test]
    fn an_empty_read_after_a_full_one_is_refused() {
        assert_eq!(believable(Some(1), 0, &expect(99.0, 0)), Err(Shrunk::Emptied { before: 1 }));
        assert_eq!(believable(Some(0), 0, &expect(50.0, 0)), Ok(()));
        assert_eq!(believable(None, 0, &expect(50.0, 0)), Ok(()));
        assert_eq!(believable(Some(9), 0, &expect(100.0, 0)), Ok(()));
    }

    #[test]
    fn the_share_that_may_be_gone_is_exact() {
        assert_eq!(believable(Some(100), 50, &expect(50.0, 0)), Ok(()));
        assert!(matches!(
            believable(Some(100), 49, &expect(50.0, 0)),
            Err(Shrunk::Shrank { now: 49, before: 100, .. })
        ));
        assert!(believable(Some(100), 99, &expect(0.0, 0)).is_err());
        assert_eq!(believable(Some(100), 180, &expect(0.0, 0)), Ok(()));
    }

    #[test]
    fn the_promised_minimum_counts_on_the_first_read_too() {
        assert_eq!(believable(None, 2, &expect(100.0, 3)), Err(Shrunk::TooFew { now: 2, min: 3 }));
        assert_eq!(believable(None, 3, &expect(100.0, 3)), Ok(()));
    }

    #[test]
    fn more_than_a_tenth_and_at_least_twenty_odd_rows_are_too_many() {
        for (odd, rows, fine) in
            [(0, 0, true), (19, 19, true), (20, 200, true), (20, 199, false), (21, 209, false), (1_000, 10_000, true)]
        {
            assert_eq!(!is_too_odd(odd, rows), fine, "{odd} of {rows}");
        }
    }
}
