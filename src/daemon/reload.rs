//! The file has changed: it is read again, checked, and put into force if its names can be looked up in Logto. If it
//! cannot, what was in force stays, and everything that reports says so.

use std::path::{Path, PathBuf};

use super::trouble::{Trouble, trouble};
use super::{Content, Daemon, If, Kept, Mode, Reload, Schedule, Watch, presets};
use crate::config::settings::Config;
use crate::config::settings::source::SourceKind;
use crate::logging::caught;
use crate::pass::PassError;
use crate::pass::active::{ActivateError, ActiveConfig, activate_knowing};
use crate::report::Origin;
use crate::report::status::About;
use crate::text::Color;
use crate::{clock, config};

/// What reading the file again came to.
#[derive(PartialEq, Eq)]
enum Reloaded {
    /// It has entered into force.
    Entered,
    /// It is what is in force already.
    Same,
    /// It still changes: nobody can say yet.
    Unsettled,
}

/// The file is not there, or is none.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("the file is gone; the configuration in force stays")]
    Gone,
    #[error("the file cannot be read: {0}; the configuration in force stays")]
    Unreadable(String),
}

impl Daemon {
    /// A watched file has changed.
    pub(super) async fn changed(&mut self, path: PathBuf, content: Content) {
        self.took_note(path, content).await;
        self.see_what_is_settled().await;
    }

    async fn took_note(&mut self, path: PathBuf, content: Content) {
        let source =
            self.active.config.sources.iter().find(|one| matches!(&one.kind, SourceKind::File(of) if *of == path));
        match (source, content) {
            (Some(source), _) => self.schedule.hurry_source(&source.name, clock::now()),
            (None, _) if path != self.file => self.reload(If::Anyway).await,
            // A file that was broken or gone is what it was before.
            (None, content @ Content::Hash(_)) if self.worth == If::Different && self.is_in_force(&content) => {
                self.publisher.works(&About::File);
            }
            (None, Content::Hash(_)) => self.reload(self.worth).await,
            (None, Content::Gone) => self.misses(&Missing::Gone),
            (None, Content::Unreadable(why)) => self.misses(&Missing::Unreadable(why)),
        }
    }

    fn misses(&mut self, missing: &Missing) {
        tracing::warn!(file = %self.file.display(), "{missing}");
        let hint = "put it back: nothing else is read until then".to_owned();
        self.publisher.trouble(trouble(About::File, missing, Some(hint), clock::now()));
    }

    /// Reads the file again and puts it into force if it is valid and Logto can be asked for its names. What has not
    /// settled is left to the watch, which hands it out when it has.
    pub(super) async fn reload(&mut self, when: If) {
        self.reload = Reload::Settled;
        let tried = match caught(self.try_reload(when)).await {
            Ok(tried) => tried,
            Err(fault) => Err(Trouble::Program { fault, about: About::File, then: "the configuration in force stays" }),
        };
        let trouble = match tried {
            Ok(Reloaded::Entered) => {
                self.worth = If::Different;
                self.keep_file().await;
                return self.publisher.works(&About::File);
            }
            Ok(Reloaded::Same) => return self.publisher.works(&About::File),
            Ok(Reloaded::Unsettled) => return,
            Err(trouble) => trouble,
        };
        if when == If::Anyway {
            // Its own bytes may be in force all the while, and that is no sign that this is over.
            self.worth = If::Anyway;
        }
        match &trouble {
            Trouble::File(error) => crate::logging::note!("{}", error.render(Color::Plain)),
            Trouble::Enter(ActivateError::Logto { source, .. }) if source.is_transient() => {
                self.reload = Reload::Wanted(when);
            }
            Trouble::Enter(_)
            | Trouble::Pass(_)
            | Trouble::Poll(_)
            | Trouble::CarryOver { .. }
            | Trouble::Displaced(_)
            | Trouble::Program { .. } => {}
        }
        trouble.tell(&mut self.publisher, clock::now());
    }

    async fn try_reload(&mut self, when: If) -> Result<Reloaded, Trouble> {
        let content = Content::seen(&self.file).await;
        if self.watch.known().get(&self.file) != Some(&content) {
            return Ok(Reloaded::Unsettled);
        }
        if when == If::Different && self.is_in_force(&content) {
            return Ok(Reloaded::Same);
        }
        let file = self.file.clone();
        let loaded = aside(move || config::load(&file, &presets())).await?;
        if content != Content::Hash(loaded.config.digest.clone()) {
            return Ok(Reloaded::Unsettled);
        }
        let origin = Origin {
            file: self.active.origin.file.clone(),
            digest: loaded.config.digest.clone(),
            commit: self.commit_of(&loaded.config).await,
        };
        self.head = self.head_now().await;
        let active = activate_knowing(loaded.config, origin, self.simulators.as_ref(), &self.active.names).await?;
        self.active = active;
        self.active.warn_of_names();
        let now = clock::now();
        self.unread = self.active.source_names();
        self.stuck.clear();
        self.schedule = Schedule::all_due(self.active.source_names(), now);
        self.watch = Watch::new(watched(&self.file, &self.active), self.watch.known(), self.pulse).await;
        self.announce();
        Ok(Reloaded::Entered)
    }

    /// What is in force is what a daemon goes on with that is started on a broken file.
    pub(super) async fn keep_file(&mut self) {
        if self.mode == Mode::DryRun || self.displaced.is_some() {
            self.kept = Kept::Not;
            return;
        }
        let (text, commit) = (&self.active.config.text, self.active.origin.commit.as_deref());
        let keep = async {
            self.store.note_names(&self.active.names).await?;
            self.store.note_version(&self.active.origin.digest, commit).await?;
            self.store.keep_valid_file(text, commit, clock::now()).await
        };
        let kept = keep.await;
        self.kept = if kept.is_ok() { Kept::Safely } else { Kept::Not };
        if let Err(error) = kept {
            self.failed(&Trouble::from(PassError::from(error)));
        }
    }

    /// The very bytes that are in force may be committed later, or lie in another commit now. Costs a few reads of
    /// small files while nothing has moved.
    pub(super) async fn follow_head(&mut self) {
        let head = self.head_now().await;
        if head.is_none() || head == self.head {
            return;
        }
        self.head = head;
        let commit = self.commit_of(&self.active.config).await;
        if commit.is_some() && commit != self.active.origin.commit {
            self.active.origin.commit = commit;
            self.keep_file().await;
            self.announce();
        }
    }

    async fn head_now(&self) -> Option<String> {
        let file = self.file.clone();
        aside(move || config::head_of(&file)).await
    }

    async fn commit_of(&self, config: &Config) -> Option<String> {
        let (file, blob, digest) = (self.file.clone(), config.blob.clone(), config.digest.clone());
        aside(move || config::commit_of(&file, &blob, &digest)).await
    }

    fn is_in_force(&self, content: &Content) -> bool {
        *content == Content::Hash(self.active.origin.digest.clone())
    }
}

/// Reads files off the loop. Ends by itself: each of them is read within its deadline.
pub(super) async fn aside<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The whole program ends.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The file itself, its `.env`, and every source that is a file.
pub(super) fn watched(file: &Path, active: &ActiveConfig) -> Vec<PathBuf> {
    let orders = active.config.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::File(path) => Some(path.clone()),
        SourceKind::Http(_) | SourceKind::Sandbox(_) | SourceKind::Stripe(_) => None,
    });
    [file.to_owned(), file.with_file_name(".env")].into_iter().chain(orders).collect()
}
