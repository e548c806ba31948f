//! What people commit: other rules, other bindings, sources renamed, joined, given up and taken back.

use entitled::pass::active::ActivateError;

use super::accounts::address;
use super::catalogs::{FILES, Rules, Shop, TEAM_AT, THINGS};
use super::steps::Change;
use super::truth::Stored;
use super::world::{Verdict, World};
use super::{PEOPLE, SIGNED_UP};

impl World {
    pub(super) async fn commit(&mut self, file: usize) -> Verdict {
        self.enter(Rules { gone: self.rules.gone, ..FILES[file] }).await
    }

    /// What lies there by now enters into force, unless it is no good.
    pub(super) async fn enter(&mut self, rules: Rules) -> Verdict {
        let widens = self.rules.corner.is_some() && rules.corner.is_none();
        if self.enters(rules).await? && widens {
            self.unsettle(None, &[TEAM_AT], false);
        }
        Ok(())
    }

    /// Puts the file into force as the model has it by now, with these rules.
    async fn enters(&mut self, rules: Rules) -> Result<bool, String> {
        let text = self.yaml(&rules);
        std::fs::write(self.file(), &text).unwrap();
        match self.enforce(&text).await {
            Ok(active) => {
                self.rules_before = self.rules;
                self.unread = active.source_names();
                self.active = active;
                self.rules = rules;
                self.keep_file().await;
                Ok(true)
            }
            Err(ActivateError::Names { .. })
                if THINGS.iter().any(|thing| rules.sells(*thing) && self.target(*thing).is_none()) =>
            {
                Ok(false)
            }
            Err(error) => Err(format!("a good file did not enter: {error:?}")),
        }
    }

    /// Another file lies there, and nobody has read it yet.
    pub(super) fn put(&mut self, rules: Rules) {
        let text = self.yaml(&rules);
        if std::fs::read_to_string(self.file()).is_ok_and(|there| there == text) {
            return;
        }
        std::fs::write(self.file(), text).unwrap();
        self.next = Some(rules);
    }

    /// The file says whose an address is, or no more.
    pub(super) async fn bind(&mut self, of: usize, to: Option<usize>) -> Verdict {
        // Whoever pays with an address of the staff is protected, whosever it is.
        if of % PEOPLE == SIGNED_UP - 1 {
            return Ok(());
        }
        let email = address(of);
        let user = to.and_then(|account| self.accounts.get(account).cloned());
        let before = self.accounts.bindings.clone();
        if before.now.get(&email.to_lowercase()) == user.as_ref() {
            return Ok(());
        }
        let surely = self.accounts.remembered();
        let now = self.at();
        self.accounts.bind(&email, user, now);
        if !self.enters(self.rules).await? {
            self.accounts.bindings = before;
            self.accounts.remember(surely);
        }
        Ok(())
    }

    pub(super) async fn change_source(&mut self, shop: Shop, change: Change) -> Verdict {
        let (before, mut rules) = (self.sources.clone(), self.rules);
        let source = &mut self.sources[shop as usize];
        let gone = &mut rules.gone[shop as usize];
        match change {
            Change::Rename { was } => {
                source.renamed += 1;
                let old = std::mem::replace(&mut source.name, format!("{}-{}", shop.name(), source.renamed));
                if was {
                    source.was = source.lost.iter().cloned().chain([old]).collect();
                } else {
                    source.was.clear();
                    source.lost.push(old);
                }
            }
            Change::Join => source.was = source.lost.clone(),
            Change::Drop => *gone = true,
            Change::Return => *gone = false,
        }
        if rules.gone == [true; 3] || !self.enters(rules).await? {
            self.sources = before;
            return Ok(());
        }
        // What an older store knows of it goes by another name.
        self.copy = None;
        if !rules.gone[shop as usize] {
            self.carry(shop, change);
        }
        Ok(())
    }

    /// What the store has of the orders of a source under its names.
    fn carry(&mut self, shop: Shop, change: Change) {
        let joins = match change {
            Change::Rename { was } => was,
            Change::Join => true,
            Change::Drop | Change::Return => return,
        };
        for order in self.orders.iter_mut().filter(|order| order.shop == shop) {
            if joins {
                std::mem::take(&mut order.left).into_iter().for_each(|left| order.stored.join(left));
            } else {
                order.left.push(std::mem::replace(&mut order.stored, Stored::nothing()));
            }
        }
        if joins {
            self.sources[shop as usize].lost.clear();
        } else if self.rules.corner.is_some() {
            self.unsettle(Some(shop), &[TEAM_AT], true);
        }
    }
}
