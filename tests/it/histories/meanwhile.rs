//! What comes about while a pass carries out what it planned: a freeze, another file, a sale, the end. Done between
//! two writes, as whoever waits outside would; and what must hold of the rest of the plan from then on.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use entitled::model::{OrderKey, UserId};
use entitled::pass::{Execution, InFlight, Lookout, PassScope, PlannedPass, Step as Went, users_about};
use entitled::planner::Verb;
use entitled::report::run::{Obsolete, RunReport};
use entitled::shutdown::{Shutdown, ShutdownTrigger, shutdown};
use entitled::store::FreezeScope;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use super::catalogs::{FILES, PRODUCTS, Rules, Shop};
use super::drive::Came;
use super::steps::{By, Reach, Step};
use super::world::{Held, Verdict, World};

/// What comes about when so many writes of a pass are on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meanwhile {
    pub(super) after: usize,
    pub(super) what: Comes,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comes {
    Freeze(FreezeScope),
    /// Another file lies there, and enters into force once the pass is over.
    File(usize),
    /// The file that was in force before lies there again.
    Revert,
    Sale {
        person: usize,
        product: usize,
    },
    /// The end is asked for, and the daemon is started again.
    End,
}

/// What must not go on, from the instant at which somebody had said so.
struct Halt {
    why: Comes,
    held: Held,
    /// So many changes were on their way, or about to be: whoever has just looked begins one batch more.
    in_flight: usize,
}

/// What is due in the midst of a step.
fn interrupts(comes: Comes) -> bool {
    !matches!(comes, Comes::Sale { .. })
}

pub(super) fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    let scope = select(&[FreezeScope::Revocations, FreezeScope::All][..]);
    let what = prop_oneof![
        2 => scope.prop_map(Comes::Freeze),
        2 => (0..FILES.len()).prop_map(Comes::File),
        2 => Just(Comes::Revert),
        3 => (0..super::PEOPLE, 0..PRODUCTS.len()).prop_map(|(person, product)| Comes::Sale { person, product }),
        1 => Just(Comes::End),
    ];
    (0_usize..4, what).prop_map(|(after, what)| Meanwhile { after, what })
}

/// Goes on until `until` is there. What came of it, where it ended first.
async fn both<T>(
    going: &mut Pin<&mut impl Future<Output = T>>,
    mut until: Pin<&mut impl Future<Output = ()>>,
) -> Option<T> {
    let mut over = None;
    poll_fn(|context| {
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        if over.is_none()
            && let Poll::Ready(went) = going.as_mut().poll(context)
        {
            over = Some(went);
        }
        Poll::Pending
    })
    .await;
    over
}

/// How much goes into one call at the most.
fn batch(planned: &PlannedPass) -> usize {
    let of_grants = planned.plan.actions.chunk_by(|a, b| (a.verb, a.target) == (b.verb, b.target));
    of_grants.map(|batch| if batch[0].verb == Verb::Revoke { 1 } else { batch.len() }).max().unwrap_or_default()
}

impl World {
    /// Carries a plan out, as the daemon does, and lets come about what comes about meanwhile. `before`: what was
    /// held before anything that is not judged yet.
    pub(super) async fn carry_out(
        &mut self,
        planned: &PlannedPass,
        span: &PassScope,
        step: &Step,
        before: &mut Held,
    ) -> Result<RunReport, String> {
        let failed = |error| format!("the store failed: {error:?}");
        let (active, store, logto) = (self.active.clone(), Arc::clone(self.store_to_share()), self.logto.clone());
        let (writer, begun) = (active.client.writer(), self.begun);
        let (ask, ear) = shutdown();
        let mut lookout = Lookout::new(&ear).with_file(&self.file());
        let mut comes = step.meanwhile;
        let mut overtaken = BTreeSet::new();
        let mut halt = None;
        let sale = |one: Meanwhile| match one.what {
            Comes::Sale { person, product } => Some((person, product)),
            Comes::Freeze(_) | Comes::File(_) | Comes::Revert | Comes::End => None,
        };
        if let Some((person, product)) = comes.filter(|one| one.after == 0).and_then(sale) {
            comes = None;
            match self.sell(person, product, step, before).await? {
                Some(users) => overtaken.extend(users),
                None => return Ok(RunReport::default()),
            }
        }
        let in_flight = InFlight::default();
        let execution = Execution::begin(&active, &store, &writer, planned, span, begun, &overtaken).await;
        let mut execution = execution.map_err(failed)?.counting(in_flight.clone());
        loop {
            let went = {
                let mut going = pin!(execution.step(&mut lookout));
                loop {
                    let due = |one: &Meanwhile| interrupts(one.what) && logto.writes().len() >= one.after;
                    let went = poll_fn(|context| match comes.as_ref().is_some_and(due) {
                        true => Poll::Ready(None),
                        false => going.as_mut().poll(context).map(Some),
                    });
                    match (went.await, comes) {
                        (Some(went), _) => break went.map_err(failed)?,
                        (None, Some(one)) => {
                            comes = None;
                            // It goes on until that is said.
                            let over = both(&mut going, pin!(self.interrupt(one.what, &ask))).await;
                            let in_flight = in_flight.count() as usize + batch(planned);
                            halt = Some(Halt { why: one.what, held: self.held(), in_flight });
                            if let Some(went) = over {
                                break went.map_err(failed)?;
                            }
                        }
                        (None, None) => unreachable!("nothing is due"),
                    }
                }
            };
            let due = |one: &Meanwhile| went == Went::Over || logto.writes().len() >= one.after;
            if let Some((person, product)) = comes.filter(due).and_then(sale) {
                comes = None;
                match self.sell(person, product, step, before).await? {
                    Some(users) => execution.leave(&users),
                    None => execution.stop(Obsolete::News),
                }
            }
            if went == Went::Over {
                break;
            }
        }
        // It was over before: nothing is left that could be stopped.
        if let Some(one) = comes {
            self.interrupt(one.what, &ask).await;
            halt = Some(Halt { why: one.what, held: self.held(), in_flight: 0 });
        }
        let report = execution.finish().await.map_err(failed)?;
        halt.map_or(Ok(()), |halt| self.has_halted(&halt))?;
        Ok(report)
    }

    async fn interrupt(&mut self, comes: Comes, ask: &ShutdownTrigger) {
        match comes {
            Comes::Freeze(scope) => self.freeze(scope).await,
            Comes::File(file) => self.put(Rules { gone: self.rules.gone, ..FILES[file] }),
            Comes::Revert => self.put(Rules { gone: self.rules.gone, ..self.rules_before }),
            Comes::End => {
                ask.request();
                self.restarted = true;
            }
            Comes::Sale { .. } => unreachable!("a sale interrupts nothing"),
        }
    }

    /// Whether nothing was begun after somebody said that it must not be.
    fn has_halted(&self, halt: &Halt) -> Verdict {
        let heeded = match halt.why {
            Comes::Freeze(_) | Comes::End => true,
            // The very same may lie there.
            Comes::File(_) | Comes::Revert => self.next.is_some(),
            Comes::Sale { .. } => false,
        };
        if !heeded {
            return Ok(());
        }
        let now = self.held();
        let taken: Vec<_> = halt.held.difference(&now).collect();
        let given: Vec<_> = now.difference(&halt.held).collect();
        let given = if matches!(halt.why, Comes::Freeze(FreezeScope::Revocations)) { &given[..0] } else { &given[..] };
        let changes = taken.len() + given.len();
        if changes > halt.in_flight {
            return Err(format!(
                "{changes} changes after {:?}, and {} were on their way: {taken:?} taken, {given:?} given",
                halt.why, halt.in_flight
            ));
        }
        Ok(())
    }

    /// A sale while a pass is under way: polled, and granted in a quick pass of its own. Whom that was about; `None`
    /// where nobody knows, since it could not look.
    async fn sell(
        &mut self,
        person: usize,
        product: usize,
        step: &Step,
        before: &mut Held,
    ) -> Result<Option<BTreeSet<UserId>>, String> {
        self.judge(before).await?;
        self.learn(false, &Came::Failed(String::new()));
        *before = self.held();
        self.now += SignedDuration::from_secs(2);
        let waits = std::mem::take(&mut self.touched);
        self.buy(Shop::Main, person, &[product], By::Email, 0);
        self.poll(step.distorted()).await?;
        let sales = std::mem::replace(&mut self.touched, waits);
        let failed = |error| format!("the store failed: {error:?}");
        let mut users = users_about(self.store(), &sales).await.map_err(failed)?;
        let long = std::mem::replace(&mut self.begun, self.now);
        let sold = self.sell_quickly(sales, before).await?;
        self.begun = long;
        let Some((of_it, withheld, dropped)) = sold else { return Ok(None) };
        users.extend(of_it);
        self.overtaken.extend(users.iter().cloned());
        if step.faults.is_empty() && dropped == 0 {
            self.is_granted(person, &withheld)?;
        }
        Ok(Some(users))
    }

    /// A quick pass that only gives: whom it was about, what it withheld, and how much it left to another.
    async fn sell_quickly(
        &mut self,
        sales: Vec<OrderKey>,
        before: &mut Held,
    ) -> Result<Option<(Vec<UserId>, super::drive::Withheld, usize)>, String> {
        let failed = |error| format!("the store failed: {error:?}");
        let span = PassScope::Quick(sales.clone());
        let Ok(mut planned) = self.plan_pass(&span, &BTreeSet::new()).await? else {
            self.touched.extend(sales);
            return Ok(None);
        };
        let dropped = planned.keep_sales();
        if dropped > 0 {
            self.touched.extend(sales);
        }
        let (writer, never) = (self.active.client.writer(), Shutdown::never());
        let (mut lookout, nobody) = (Lookout::new(&never), BTreeSet::new());
        let execution =
            Execution::begin(&self.active, self.store(), &writer, &planned, &span, self.begun, &nobody).await;
        let mut execution = execution.map_err(failed)?;
        while execution.step(&mut lookout).await.map_err(failed)? == Went::More {}
        let report = execution.finish().await.map_err(failed)?;
        self.judge(before).await?;
        *before = self.held();
        let withheld = self.withheld(&planned, &report);
        self.note(Reach::Quick, &withheld);
        let came = Came::Through(withheld);
        self.learn(false, &came);
        let Came::Through(withheld) = came else { unreachable!() };
        Ok(Some((planned.user_index.ids().to_vec(), withheld, dropped)))
    }

    /// Nothing short waits for what is long: whoever has just bought, and alone has that address, has it.
    fn is_granted(&self, person: usize, withheld: &super::drive::Withheld) -> Verdict {
        let Some(order) = self.orders.last() else { return Ok(()) };
        let Some(user) = self.accounts.alone(person, &order.payer) else { return Ok(()) };
        if self.is_frozen() == Some(FreezeScope::All) {
            return Ok(());
        }
        let held = self.held();
        for thing in super::catalogs::THINGS {
            let one = (user.clone(), thing);
            if order.surely_entitles(&self.rules, thing, self.at())
                && self.known_target(thing).is_some()
                && !withheld.cells.contains_key(&one)
                && !held.contains(&one)
            {
                return Err(format!("a sale waits for a long pass: {one:?}\n{order:?}"));
            }
        }
        Ok(())
    }
}
