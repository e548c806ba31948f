//! Grants one target to many users, although Logto's batches are all or nothing and seldom say which user is at fault.
//!
//! A batch that is refused (404 and 422 with a `code`) names somebody, or leads to one question about all of its users;
//! the users found so leave the batch and the rest goes on. Only if nobody can be blamed is the batch cut in two. So
//! one bad user costs a call or two, and never blocks the others. Never sends an id twice in one body.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Writer};
use crate::logto::error::LogtoError;
use crate::logto::paging::Found;
use crate::logto::read::{Reader, segment};
use crate::logto::transport::{Refusal, Reply};
use crate::logto::wire;
use crate::model::{OrganizationId, OrganizationRoleId, RoleId, Target, UserId};

/// How often a batch is sent as it is, where the answers do not tell what happened, before it is cut in two.
const TRIES: u32 = 2;

/// After so many unclear tries of one batch with no success between them, the rest of it fails: more
/// than it takes to cut a few bad users out of a thousand, few enough for a server that only fails.
/// A timeout counts twice, for what it costs.
const PATIENCE: u32 = 32;

/// What is given.
pub(crate) enum Job<'a> {
    Role(&'a RoleId),
    Membership(&'a OrganizationId),
    OrganizationRole(&'a OrganizationId, &'a OrganizationRoleId),
}

/// Users who are still to be settled together.
struct Group {
    users: Vec<UserId>,
    tries: u32,
    /// Whether an earlier try may have taken effect: who holds it then holds it from us.
    doubt: bool,
    /// Whether the server has named a holder already: the next time, all are asked for at once.
    named: bool,
}

/// What one try came to.
enum Step {
    /// These are settled; the others go on.
    Some(Vec<(UserId, Outcome)>),
    /// All are settled alike.
    All(Outcome),
    /// Nobody can be blamed.
    Unclear(LogtoError),
}

/// What was asked about one batch already, and need not be asked again.
#[derive(Default)]
struct Known {
    users_exist: bool,
    target_exists: bool,
}

impl Writer {
    /// An outcome for every different user, in the order given.
    pub(crate) async fn grant(&self, job: &Job<'_>, users: &[UserId]) -> Vec<(UserId, Outcome)> {
        let mut settled: BTreeMap<UserId, Outcome> = BTreeMap::new();
        let mut different = BTreeSet::new();
        let order: Vec<&UserId> = users.iter().filter(|user| different.insert(*user)).collect();
        let possible: Vec<UserId> =
            order.iter().filter(|user| segment(user.as_str()).is_some()).map(|user| (*user).clone()).collect();
        let batch = self.reader.access().core().batch;
        if let Some(path) = job.path() {
            for users in possible.chunks(batch) {
                self.grant_batch(job, &path, users, &mut settled).await;
            }
        } else {
            settled.extend(possible.into_iter().map(|user| (user, Outcome::NoTarget)));
        }
        order.into_iter().map(|user| (user.clone(), settled.remove(user).unwrap_or(Outcome::NoUser))).collect()
    }

    async fn grant_batch(&self, job: &Job<'_>, path: &str, users: &[UserId], settled: &mut BTreeMap<UserId, Outcome>) {
        let core = self.reader.access().core();
        let mut known = Known::default();
        let mut failures = 0;
        let mut groups = vec![Group { users: users.to_vec(), tries: 0, doubt: false, named: false }];
        while let Some(mut group) = groups.pop() {
            match self.attempt(job, path, &mut group, &mut known).await {
                Step::All(outcome) => {
                    if matches!(outcome, Outcome::Done) {
                        failures = 0;
                    }
                    settled.extend(group.users.into_iter().map(|user| (user, outcome.clone())));
                }
                Step::Some(some) => {
                    settled.extend(some);
                    group.users.retain(|user| !settled.contains_key(user));
                    if !group.users.is_empty() {
                        groups.push(group);
                    }
                }
                Step::Unclear(error) => {
                    group.tries += 1;
                    failures += match error {
                        LogtoError::Timeout { .. } => 2,
                        _ if error.is_ambiguous() => 1,
                        // The server is well and has refused; cutting ends by itself.
                        _ => 0,
                    };
                    if failures >= PATIENCE {
                        let outcome = Outcome::failed(error);
                        let rest = groups.drain(..).chain([group]).flat_map(|group| group.users);
                        settled.extend(rest.map(|user| (user, outcome.clone())));
                    } else if group.tries < TRIES && error.is_ambiguous() {
                        core.rest(core.backoff.wait(group.tries + 1, None)).await;
                        groups.push(group);
                    } else if group.users.len() > 1 {
                        let second = group.users.split_off(group.users.len() / 2);
                        // Halves are sent once: a second try of each would double the cost of every cut.
                        for users in [second, group.users] {
                            groups.push(Group { users, tries: TRIES - 1, doubt: group.doubt, named: group.named });
                        }
                    } else {
                        let user = group.users.remove(0);
                        let outcome = self.last_word(job, &user, error).await;
                        settled.insert(user, outcome);
                    }
                }
            }
        }
    }

    async fn attempt(&self, job: &Job<'_>, path: &str, group: &mut Group, known: &mut Known) -> Step {
        let roles: Vec<&OrganizationRoleId> = match job {
            Job::OrganizationRole(_, role) => vec![role],
            Job::Role(_) | Job::Membership(_) => Vec::new(),
        };
        let body = wire::Grants { user_ids: &group.users, organization_role_ids: &roles };
        match self.access.post(path, &body).await {
            Ok(Reply::Answer(_)) => Step::All(Outcome::Done),
            Ok(Reply::Refusal(refusal)) => {
                self.blame(job, group, known, refusal).await.unwrap_or_else(|error| Step::All(Outcome::failed(error)))
            }
            Err(error) if error.is_ambiguous() => {
                group.doubt = true;
                match job {
                    Job::Role(role) => self.read_back(role, group, error).await,
                    // Sending it again is the read-back: it is idempotent, and a success proves it.
                    Job::Membership(_) | Job::OrganizationRole(..) => Step::Unclear(error),
                }
            }
            Err(error) => Step::All(Outcome::failed(error)),
        }
    }

    /// After an answer that does not tell what happened: who holds the role now holds it from us.
    async fn read_back(&self, role: &RoleId, group: &Group, error: LogtoError) -> Step {
        match self.reader.holders_among(role, &group.users).await {
            Ok(Found::Missing) => Step::All(Outcome::NoTarget),
            Ok(Found::Here(holders)) if holders.is_empty() => Step::Unclear(error),
            Ok(Found::Here(holders)) => Step::Some(alike(holders, &Outcome::Done)),
            Err(_) => Step::All(Outcome::failed(error)),
        }
    }

    /// Who or what is at fault for a refusal that wrote nothing.
    async fn blame(
        &self,
        job: &Job<'_>,
        group: &mut Group,
        known: &mut Known,
        refusal: Refusal,
    ) -> Result<Step, LogtoError> {
        let held = if group.doubt { Outcome::Done } else { Outcome::AlreadySo };
        match (job, refusal.code.as_str()) {
            (Job::Role(_), "role.user_exists") if group.users.len() == 1 => return Ok(Step::All(held)),
            (Job::Role(role), "role.user_exists") => {
                let named = refusal
                    .message
                    .split_whitespace()
                    .find_map(|word| group.users.iter().find(|user| user.as_str() == word));
                if let Some(user) = named
                    && !group.named
                {
                    group.named = true;
                    return Ok(Step::Some(vec![(user.clone(), held)]));
                }
                match self.reader.holders_among(role, &group.users).await? {
                    Found::Missing => return Ok(Step::All(Outcome::NoTarget)),
                    Found::Here(holders) if !holders.is_empty() => return Ok(Step::Some(alike(holders, &held))),
                    Found::Here(_) => {}
                }
            }
            (Job::Role(_), "entity.not_exists_with_id") => return Ok(Step::All(Outcome::NoTarget)),
            (Job::Role(role), "entity.db_constraint_violated" | "user.invalid_role_type") => {
                return Err(LogtoError::MachineRole { role: role.to_string() });
            }
            (Job::OrganizationRole(_, role), "entity.db_constraint_violated") => {
                return Err(LogtoError::MachineRole { role: role.to_string() });
            }
            _ => {}
        }
        if !known.users_exist {
            let exist = self.reader.users_by_id(&group.users).await?;
            // Not remembered when some are dead: those who are left may die as well.
            let dead: BTreeSet<UserId> = group.users.iter().filter(|user| !exist.contains(*user)).cloned().collect();
            if !dead.is_empty() {
                return Ok(Step::Some(alike(dead, &Outcome::NoUser)));
            }
            known.users_exist = true;
        }
        if !known.target_exists {
            if !job.target_exists(&self.reader).await? {
                return Ok(Step::All(Outcome::NoTarget));
            }
            known.target_exists = true;
        }
        // Whole again after the dead have left, or cut in two for the one who is no member.
        Ok(Step::Unclear(refusal.into()))
    }

    /// What a batch of one, which cannot be cut, has come to.
    async fn last_word(&self, job: &Job<'_>, user: &UserId, error: LogtoError) -> Outcome {
        let Ok(exist) = self.reader.users_by_id(std::slice::from_ref(user)).await else {
            return Outcome::failed(error);
        };
        if exist.is_empty() {
            return Outcome::NoUser;
        }
        let (organization, role) = match job {
            Job::Role(_) => return Outcome::failed(error),
            Job::Membership(organization) => (*organization, None),
            Job::OrganizationRole(organization, role) => (*organization, Some(*role)),
        };
        match (self.reader.member_roles(organization, user).await, role) {
            (Ok(Some(_)), None) => Outcome::Done,
            (Ok(Some(roles)), Some(role)) if roles.contains(role) => Outcome::Done,
            (Ok(None), Some(_)) => {
                Outcome::failed(LogtoError::NotMember { user: user.clone(), organization: organization.clone() })
            }
            _ => Outcome::failed(error),
        }
    }
}

impl Job<'_> {
    /// `None` where an id is none that Logto could have made.
    fn path(&self) -> Option<String> {
        Some(match self {
            Job::Role(role) => format!("/api/roles/{}/users", segment(role.as_str())?),
            Job::Membership(organization) => format!("/api/organizations/{}/users", segment(organization.as_str())?),
            Job::OrganizationRole(organization, role) => {
                segment(role.as_str())?;
                format!("/api/organizations/{}/users/roles", segment(organization.as_str())?)
            }
        })
    }

    async fn target_exists(&self, reader: &Reader) -> Result<bool, LogtoError> {
        match self {
            Job::Role(role) => {
                let target = Target::Role { role: (*role).clone() };
                Ok(reader.holder_count(&target).await?.is_some())
            }
            Job::Membership(organization) => reader.organization_exists(organization).await,
            Job::OrganizationRole(organization, role) => {
                Ok(reader.organization_exists(organization).await? && reader.organization_role_exists(role).await?)
            }
        }
    }
}

fn alike(users: BTreeSet<UserId>, outcome: &Outcome) -> Vec<(UserId, Outcome)> {
    users.into_iter().map(|user| (user, outcome.clone())).collect()
}
