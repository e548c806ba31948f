//! What becomes of the store under the daemon: lost, put back from an older copy; and what a start on a broken file
//! finds in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use entitled::model::{Target, UserId};
use entitled::pass::active::activate_knowing;
use entitled::pass::ingest::{ReadScope, ingest};
use entitled::pass::{PassScope, plan_pass};
use entitled::store::Store;
use jiff::SignedDuration;

use super::accounts::Kept;
use super::catalogs::{THINGS, Thing};
use super::commits::Commits;
use super::holding::Said;
use super::steps::{Deed, Then};
use super::truth::Stored;
use super::world::{Held, Ours, Verdict, World, check};

/// A copy of the store, and what the model knew of it.
pub(super) struct Copy {
    path: PathBuf,
    targets: BTreeMap<Thing, Target>,
    accounts: Kept,
    orders: Vec<(Stored, Vec<Stored>, BTreeSet<UserId>)>,
    most: [usize; 2],
    ours: BTreeMap<(UserId, Thing), Ours>,
    seen: BTreeMap<(UserId, Thing), i64>,
    maybe_seen: Held,
    revoked: Vec<(i64, Option<Target>)>,
    commits: Commits,
    said: Said,
    bereft: bool,
}

impl World {
    pub(super) async fn lose_store(&mut self) {
        self.fresh_store().await;
        self.ours.clear();
        self.foreign = self.held();
        self.seen.clear();
        self.maybe_seen.clear();
        self.revoked.clear();
        self.commits = Commits::default();
        self.said = Said::default();
        self.offers.clear();
        self.again.clear();
        self.accounts.forget();
        self.touched.clear();
        for order in &mut self.orders {
            (order.stored, order.left) = (Stored::nothing(), Vec::new());
            order.once.clear();
        }
        self.bereft = true;
        self.most = [0; 2];
    }

    /// Somebody keeps a copy.
    pub(super) async fn copy_store(&mut self) {
        let path = self.place("copy");
        self.store().backup(&path).await.unwrap();
        self.copy = Some(Copy {
            path,
            targets: THINGS.into_iter().filter_map(|thing| Some((thing, self.target(thing)?))).collect(),
            accounts: self.accounts.keep(),
            orders: self
                .orders
                .iter()
                .map(|order| (order.stored.clone(), order.left.clone(), order.once.clone()))
                .collect(),
            most: self.most,
            ours: self.ours.clone(),
            seen: self.seen.clone(),
            maybe_seen: self.maybe_seen.clone(),
            revoked: self.revoked.clone(),
            commits: self.commits.clone(),
            said: self.said.clone(),
            bereft: self.bereft,
        });
    }

    /// Somebody puts the copy in the place of the store, and starts the daemon again.
    pub(super) async fn put_copy_back(&mut self) -> Verdict {
        let Some(copy) = self.copy.take() else { return Ok(()) };
        self.swap_store(&copy.path).await;
        let now: BTreeMap<Thing, Target> =
            THINGS.into_iter().filter_map(|thing| Some((thing, self.target(thing)?))).collect();
        // What is said of a role that was made anew since is said of one that is not there.
        let same = |(_, thing): &(UserId, Thing)| copy.targets.get(thing) == now.get(thing);
        self.ours = copy.ours.into_iter().filter(|(one, _)| same(one)).collect();
        self.foreign = self.held().into_iter().filter(|one| !self.ours.contains_key(one)).collect();
        let seen = std::mem::take(&mut self.seen);
        let (surely, perhaps): (Vec<_>, Vec<_>) =
            copy.seen.into_iter().filter(|(one, _)| same(one)).partition(|(one, at)| seen.get(one) == Some(at));
        self.seen = surely.into_iter().filter(|(one, _)| self.foreign.contains(one)).collect();
        self.maybe_seen.extend(copy.maybe_seen.into_iter().chain(perhaps.into_iter().map(|(one, _)| one)));
        self.maybe_seen.extend(seen.into_keys());
        self.revoked = copy.revoked;
        self.commits = copy.commits;
        self.said = copy.said;
        self.offers.clear();
        self.accounts.put_back(copy.accounts);
        let known =
            copy.orders.into_iter().chain(std::iter::repeat_with(|| (Stored::nothing(), Vec::new(), BTreeSet::new())));
        for (order, (stored, left, once)) in self.orders.iter_mut().zip(known) {
            (order.stored, order.left, order.once) = (stored, left, once);
        }
        self.bereft = copy.bereft;
        self.most = copy.most;
        self.restart(false).await
    }

    /// The store is deleted under the daemon, or the copy is put in its place: from then on nothing is read, planned or
    /// written, until the file is back or the daemon is started again on what lies there.
    pub(super) async fn displace(&mut self, deed: Deed, then: Then) -> Verdict {
        let (path, aside, held) = (self.store().path().to_owned(), self.place("aside"), self.held());
        std::fs::hard_link(&path, &aside).unwrap();
        let copy = self.copy.as_ref().map(|copy| copy.path.clone()).filter(|_| matches!(deed, Deed::Swap));
        match &copy {
            Some(copy) => {
                let beside = path.with_extension("new");
                std::fs::copy(copy, &beside).unwrap();
                std::fs::rename(beside, &path).unwrap();
            }
            None => std::fs::remove_file(&path).unwrap(),
        }
        self.logto.clear_requests();
        let store = self.store();
        for source in self.active.sources.iter() {
            if ingest(source, store, ReadScope::Changes, SignedDuration::from_hours(24), self.now).await.is_ok() {
                return Err(format!("{} is read into a store that nobody sees", source.name()));
            }
        }
        let context = self.active.context(store, &self.unread, &|_, _, _| {}, self.now);
        if let Ok(planned) = plan_pass(context, &PassScope::Full).await {
            return Err(format!("a pass is planned by a store that nobody sees: {:?}", planned.view));
        }
        store.set_log_aside().await;
        if !self.logto.writes().is_empty() || self.held() != held {
            return Err(format!("something was written by a store that nobody sees: {:?}", self.logto.writes()));
        }
        match (then, copy) {
            (Then::Back, _) => {
                std::fs::rename(aside, path).unwrap();
                store.take_log_back();
                let displaced = store.displaced();
                displaced.map_or(Ok(()), |how| Err(format!("the store is back, and does not go on: {how:?}")))
            }
            (Then::Start, Some(_)) => self.put_copy_back().await,
            (Then::Start, None) => {
                self.lose_store().await;
                Ok(())
            }
        }
    }

    /// The daemon starts again, on the file or on one that is broken by now.
    pub(super) async fn restart(&mut self, broken: bool) -> Verdict {
        let good = self.yaml(&self.rules);
        if broken {
            let torn = format!("{good}# €\nprune: owend   # “never”\n");
            if check(&torn).is_ok() {
                return Err("a broken file is taken for a good one".to_owned());
            }
            std::fs::write(self.file(), torn).unwrap();
            let kept = Store::valid_file(self.store().path()).await.unwrap();
            if kept.as_ref().is_none_or(|kept| kept.text != good) {
                return Err(format!("another file is the last that was valid: {kept:?}\n{good}"));
            }
        }
        let known = self.store().known_names().await.unwrap();
        let (config, origin, simulators) = self.ready(&good);
        match activate_knowing(config, origin, Some(&simulators), &known).await {
            Ok(active) => self.active = active,
            Err(error) => return Err(format!("what was in force does not enter again: {error:?}")),
        }
        if !broken {
            std::fs::write(self.file(), &good).unwrap();
            self.keep_file().await;
        }
        self.unread = self.active.source_names();
        self.touched.clear();
        self.again.clear();
        self.restarted = true;
        Ok(())
    }

    /// What is in force is what a daemon goes on with that is started on a broken file.
    pub(super) async fn keep_file(&self) {
        self.store().note_names(&self.active.names).await.unwrap();
        self.store().keep_valid_file(&self.active.config.text, None, self.now).await.unwrap();
    }
}
