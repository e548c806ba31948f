//! What a turn reads: the hints about each source, and every source whose poll is due.

use std::sync::Arc;

use futures_util::future::join_all;

use super::follow::{Poll, follow_hints};
use super::trouble::Trouble;
use super::{Daemon, Rest};
use crate::clock;
use crate::logging::caught;
use crate::model::OrderKey;
use crate::pass::active::ActiveConfig;
use crate::pass::ingest::{IngestError, Interrupted, ReadScope, ingest, recheck};
use crate::report::status::About;

impl Daemon {
    /// Follows the hints about each source, and polls every one that is due. One that fails keeps nothing from the
    /// others. In one piece: the same few values go through every source.
    pub(super) async fn read(&mut self) -> Vec<OrderKey> {
        self.rest = Rest::Long;
        let mut hinted = self.hinted_orders();
        let ActiveConfig { config, sources, .. } = self.active.clone();
        let (store, began) = (Arc::clone(&self.store), clock::now());
        let all = sources.iter().zip(&config.sources).map(|(source, settings)| {
            let orders = hinted.remove(source.name()).unwrap_or_default();
            (source, settings, orders, self.schedule.poll_due(source.name(), began))
        });
        let asked = all.filter(|(source, _, orders, due)| {
            let is_asked = *due || !orders.is_empty();
            is_asked && !self.stuck.contains(source.name())
        });
        let asked = asked.collect::<Vec<_>>();
        let reads = asked.into_iter().map(async |(source, settings, orders, due)| {
            let followed = follow_hints(source, &store, orders).await;
            if !due && followed.poll == Poll::Scheduled {
                return (source, settings.poll, followed, None);
            }
            let full_read = settings.full_read.unwrap_or(config.schedule.full_read);
            let now = clock::now();
            let polling = async {
                let taken = ingest(source, &store, ReadScope::Changes, full_read, now).await;
                let rechecked = match &taken {
                    Ok(_) => recheck(source, &store, settings.poll, now).await,
                    Err(_) => Ok(Vec::new()),
                };
                (taken.map_err(|Interrupted { touched, error }| (touched, Trouble::from(error))), rechecked)
            };
            let polled = caught(polling).await.unwrap_or_else(|fault| {
                let about = About::Source(source.name().clone());
                let then = "the next poll starts over";
                (Err((Vec::new(), Trouble::Program { fault, about, then })), Ok(Vec::new()))
            });
            (source, settings.poll, followed, Some(polled))
        });
        let mut touched = Vec::new();
        // All at once: one shop that is slow does not keep the others waiting for their turn.
        for (source, poll, followed, polled) in join_all(reads).await {
            let now = clock::now();
            let name = source.name();
            let well = matches!(&polled, Some((Ok(_), _)));
            touched.extend(self.note_followed(source, followed, well));
            let Some((taken, rechecked)) = polled else { continue };
            match taken {
                Ok(taken) => {
                    tracing::debug!(source = %name, orders = taken.orders, pages = taken.pages, "polled");
                    self.unread.remove(name);
                    touched.extend(taken.touched);
                    self.publisher.works(&About::Source(name.clone()));
                    let known = self.store.order_count(name).await.unwrap_or(0);
                    self.publisher.polled(name, Ok(known), now);
                }
                Err((stored, trouble)) => {
                    touched.extend(stored);
                    self.unread.insert(name.clone());
                    self.publisher.polled(name, Err(&trouble.status(now)), now);
                    self.failed(&trouble);
                }
            }
            match rechecked {
                Ok(changed) => touched.extend(changed),
                Err(error) => {
                    self.failed(&Trouble::from(IngestError::from(error)));
                    // Nobody knows which orders it had stored by then: a full pass looks at all.
                    self.schedule.hurry_full_pass(now);
                }
            }
            self.schedule.polled(name, poll, now);
        }
        touched
    }
}
