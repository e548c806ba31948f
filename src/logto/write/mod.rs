//! Changes in Logto, and what came of each.
//!
//! Never decides who should hold what, never replaces a whole set (`PUT`), and never calls an ambiguous
//! answer a success or a failure before it has read back.

pub(crate) mod batch;

use std::sync::Arc;

use super::error::LogtoError;
use super::read::{Reader, segment};
use super::transport::{Reply, WriteAccess};
use super::write::batch::Job;
use crate::model::{OrganizationId, OrganizationRoleId, RoleId, Target, UserId};

/// How often a revocation is sent when the answers do not tell what happened.
const REVOKE_TRIES: u32 = 3;

/// Changes a tenant. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    pub(super) access: WriteAccess,
    pub(super) reader: Reader,
}

/// What came of one change for one user.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is as wanted now, and this call (or one of its tries) made it so. The organization batches do
    /// not tell whether it was so before.
    Done,
    /// It was as wanted already.
    AlreadySo,
    /// There is no such user.
    NoUser,
    /// There is no such role, organization or organization role.
    NoTarget,
    /// It is not as wanted, or nobody can tell.
    Failed(Arc<LogtoError>),
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Writer").field(&self.reader).finish()
    }
}

impl Writer {
    pub(super) fn new(access: WriteAccess, reader: Reader) -> Self {
        Self { access, reader }
    }

    /// Gives a role: one call for each `logto.batch` users. An outcome for every different user, in the
    /// order given. One bad user never costs the others theirs.
    ///
    /// `POST /api/roles/{id}/users`, which is all or nothing and not idempotent.
    pub async fn grant_role(&self, role: &RoleId, users: &[UserId]) -> Vec<(UserId, Outcome)> {
        self.grant(&Job::Role(role), users).await
    }

    /// Makes users members: one call for each `logto.batch` of them. Otherwise as
    /// [`grant_role`](Self::grant_role).
    ///
    /// `POST /api/organizations/{id}/users`, which is all or nothing and idempotent.
    pub async fn add_members(&self, organization: &OrganizationId, users: &[UserId]) -> Vec<(UserId, Outcome)> {
        self.grant(&Job::Membership(organization), users).await
    }

    /// Gives members an organization role: one call for each `logto.batch` of them. For a user who is not a member the
    /// outcome is [`LogtoError::NotMember`]. Otherwise as [`grant_role`](Self::grant_role).
    ///
    /// `POST /api/organizations/{id}/users/roles`, which is all or nothing and idempotent.
    pub async fn grant_organization_role(
        &self,
        organization: &OrganizationId,
        role: &OrganizationRoleId,
        users: &[UserId],
    ) -> Vec<(UserId, Outcome)> {
        self.grant(&Job::OrganizationRole(organization, role), users).await
    }

    /// Takes one target from one user: one call. Leaving an organization also loses its roles.
    ///
    /// `DELETE` on the pair. A 404 with a JSON `code` means that it was not held.
    pub async fn revoke(&self, user: &UserId, target: &Target) -> Outcome {
        let Some(path) = pair(user, target) else { return Outcome::AlreadySo };
        let core = self.reader.access().core();
        let mut tries = 1;
        loop {
            let error = match self.access.delete(&path).await {
                Ok(Reply::Answer(_)) => return Outcome::Done,
                Ok(Reply::Refusal(refusal))
                    if refusal.status == 404 || refusal.code == "organization.require_membership" =>
                {
                    // After an unclear try this may be the trace of that one.
                    return if tries == 1 { Outcome::AlreadySo } else { Outcome::Done };
                }
                Ok(Reply::Refusal(refusal)) => return Outcome::failed(refusal.into()),
                Err(error) if error.is_ambiguous() => error,
                Err(error) => return Outcome::failed(error),
            };
            match self.reader.holds(user, target).await {
                Ok(false) => return Outcome::Done,
                Ok(true) if tries < REVOKE_TRIES => {
                    tries += 1;
                    core.rest(core.backoff.wait(tries, None)).await;
                }
                Ok(true) | Err(_) => return Outcome::failed(error),
            }
        }
    }
}

impl Outcome {
    pub(super) fn failed(error: LogtoError) -> Self {
        Outcome::Failed(Arc::new(error))
    }
}

/// `None` where one of the ids is none that Logto could have made.
fn pair(user: &UserId, target: &Target) -> Option<String> {
    let user = segment(user.as_str())?;
    Some(match target {
        Target::Role { role } => format!("/api/roles/{}/users/{user}", segment(role.as_str())?),
        Target::Membership { organization } => {
            format!("/api/organizations/{}/users/{user}", segment(organization.as_str())?)
        }
        Target::OrganizationRole { organization, role } => {
            let (organization, role) = (segment(organization.as_str())?, segment(role.as_str())?);
            format!("/api/organizations/{organization}/users/{user}/roles/{role}")
        }
    })
}
