//! Questions to Logto.
//!
//! Never writes: what it holds sends `GET` and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, Stream, StreamExt as _};

use super::error::LogtoError;
use super::groups::{Refused, small_enough};
use super::paging::{Found, MemberWalk, PAGE, Progress, Rows, Walk};
use super::transport::{Query, ReadAccess, Reply};
use super::{paging, wire};
use crate::model::users::NewestUsers;
use crate::model::{Email, OrganizationId, OrganizationRoleId, RoleId, Target, UserId};

/// How many entries are looked through for a name that is near to a wrong one.
const CANDIDATES: usize = 1_000;

/// Organizations that are looked for at the same time.
const AT_ONCE: usize = 4;

/// Reads a tenant. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    access: ReadAccess,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("endpoint", &self.access.core().endpoint).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(access: ReadAccess) -> Self {
        Self { access }
    }

    pub(super) fn access(&self) -> &ReadAccess {
        &self.access
    }

    /// HTTP requests sent so far by all that share the client: those for a token and those sent again included.
    pub fn calls(&self) -> u64 {
        self.access.core().calls()
    }

    /// Whether Logto answers, gives a token with the right scope, and accepts it. Two calls, or one
    /// while a token is held.
    pub async fn probe(&self) -> Result<(), LogtoError> {
        let query = vec![("page", "1".to_owned()), ("page_size", "1".to_owned())];
        match self.access.find("/api/roles", &query).await? {
            Some(answer) => answer.total().map(drop),
            None => Err(LogtoError::WrongPath { path: "/api/roles".to_owned(), status: 404 }),
        }
    }

    /// Who holds a role: `ceil(holders/100)` calls, at least one. Where the walk is not whole, ask
    /// [`holders_among`](Self::holders_among) for those who matter.
    ///
    /// `GET /api/roles/{id}/users`
    pub async fn role_holders(&self, role: &RoleId, progress: Progress<'_>) -> Result<Found<Walk>, LogtoError> {
        let Some(path) = role_users(role) else { return Ok(Found::Missing) };
        let read = paging::rows::<wire::User>(&self.access, &path, &Query::new(), progress).await?;
        Ok(Found::from(read).map(|Rows { rows, total, total_at_end }| {
            let mut ids: Vec<UserId> = rows.into_iter().map(|user| user.id).collect();
            ids.sort_unstable();
            ids.dedup();
            Walk { ids, total, total_at_end }
        }))
    }

    /// The members of an organization, with their organization roles: `ceil(members/100)` calls, and one
    /// more where nobody is a member. Logto answers an unknown organization with an empty list, so only
    /// asking for the organization itself, afterwards, tells the two apart.
    ///
    /// `GET /api/organizations/{id}/users`
    pub async fn members(
        &self,
        organization: &OrganizationId,
        progress: Progress<'_>,
    ) -> Result<Found<MemberWalk>, LogtoError> {
        let Some(id) = segment(organization.as_str()) else { return Ok(Found::Missing) };
        let path = format!("/api/organizations/{id}/users");
        let Some(read) = paging::rows::<wire::Member>(&self.access, &path, &Query::new(), progress).await? else {
            return Ok(Found::Missing);
        };
        if read.rows.is_empty() && !self.organization_exists(organization).await? {
            return Ok(Found::Missing);
        }
        let mut members: BTreeMap<UserId, BTreeSet<OrganizationRoleId>> = BTreeMap::new();
        for row in read.rows {
            members.entry(row.id).or_default().extend(row.organization_roles.into_iter().map(|role| role.id));
        }
        let members = members.into_iter().map(|(user, roles)| (user, roles.into_iter().collect())).collect();
        Ok(Found::Here(MemberWalk { members, total: read.total, total_at_end: read.total_at_end }))
    }

    /// Which of these users hold a role, exactly: one call for each 100 of them.
    ///
    /// `GET /api/roles/{id}/users?search.id=...`
    pub async fn holders_among(&self, role: &RoleId, users: &[UserId]) -> Result<Found<BTreeSet<UserId>>, LogtoError> {
        let Some(path) = role_users(role) else { return Ok(Found::Missing) };
        Ok(self.among(&path, users).await?.into())
    }

    /// Which of these users exist: one call for each 100 of them.
    ///
    /// `GET /api/users?search.id=...`
    pub async fn users_by_id(&self, users: &[UserId]) -> Result<BTreeSet<UserId>, LogtoError> {
        let path = "/api/users";
        self.among(path, users).await?.ok_or_else(|| LogtoError::WrongPath { path: path.to_owned(), status: 404 })
    }

    /// The primary address of each of these users who exists and has one: one call for each 100 of them.
    ///
    /// `GET /api/users?search.id=...`
    pub async fn emails_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Email>, LogtoError> {
        let path = "/api/users";
        let found = self.rows_among(path, users).await?;
        let found = found.ok_or_else(|| LogtoError::WrongPath { path: path.to_owned(), status: 404 })?;
        let email = |user: wire::User| Some((user.id, Email::parse(user.primary_email.as_deref()?)?));
        Ok(found.into_iter().filter_map(email).collect())
    }

    async fn among(&self, path: &str, users: &[UserId]) -> Result<Option<BTreeSet<UserId>>, LogtoError> {
        let found = self.rows_among(path, users).await?;
        Ok(found.map(|rows| rows.into_iter().map(|user| user.id).collect()))
    }

    async fn rows_among(&self, path: &str, users: &[UserId]) -> Result<Option<Vec<wire::User>>, LogtoError> {
        let asked: BTreeSet<&str> = users.iter().map(UserId::as_str).filter(|user| segment(user).is_some()).collect();
        let (mut groups, mut refused) = (small_enough(asked), Refused::default());
        let mut found = Vec::new();
        while let Some(some) = groups.pop() {
            let mut query = exactly("mode.id", "true");
            query.extend(some.iter().map(|user| ("search.id", (*user).to_owned())));
            let answer = match self.access.find(path, &query).await {
                Ok(Some(answer)) => answer,
                Ok(None) => return Ok(None),
                Err(error) => {
                    groups.extend(refused.apart(some, error)?);
                    continue;
                }
            };
            let users: Vec<wire::User> = answer.json()?;
            // Logto ignores parameters it does not know and then lists everybody.
            let stranger = users.iter().any(|user| some.binary_search(&user.id.as_str()).is_err());
            if stranger || answer.total()? > some.len() as u64 {
                return Err(LogtoError::SearchIgnored { path: path.to_owned(), field: "id".to_owned() });
            }
            found.extend(users);
        }
        Ok(Some(found))
    }

    /// The users with each of these primary addresses, whatever the case of ASCII letters: an entry for every address
    /// that was asked for, in that order. More than one user is rare but possible (an import past the
    /// API). About one call for each 100 addresses.
    ///
    /// `GET /api/users?search.primaryEmail=...`
    pub async fn users_by_email(&self, emails: &[Email]) -> Result<Vec<(Email, Vec<UserId>)>, LogtoError> {
        let mut found: BTreeMap<&str, BTreeSet<UserId>> = BTreeMap::new();
        let asked: BTreeSet<&str> = emails.iter().map(Email::as_str).filter(|text| sendable(text)).collect();
        let path = "/api/users";
        let (mut groups, mut refused) = (small_enough(asked), Refused::default());
        while let Some(mut group) = groups.pop() {
            let mut query = exactly("mode.primaryEmail", "false");
            query.extend(group.iter().map(|email| ("search.primaryEmail", (*email).to_owned())));
            let answer = match self.access.find(path, &query).await {
                Ok(answer) => answer,
                Err(error) => {
                    groups.extend(refused.apart(group, error)?);
                    continue;
                }
            };
            let Some(answer) = answer else {
                return Err(LogtoError::WrongPath { path: path.to_owned(), status: 404 });
            };
            let mut users: Vec<wire::User> = answer.json()?;
            let asked_for = |user: &wire::User| {
                let email = user.primary_email.as_deref().and_then(Email::parse)?;
                group.iter().copied().find(|asked| *asked == email.as_str())
            };
            if answer.total()? > users.len() as u64 {
                if !users.iter().all(|user| folds_to_one_of(&group, user)) {
                    return Err(LogtoError::SearchIgnored { path: path.to_owned(), field: "primaryEmail".to_owned() });
                }
                if group.len() > 1 {
                    // Pages without a tie-breaker lose rows; two smaller questions do not.
                    let half = group.split_off(group.len() / 2);
                    groups.extend([group, half]);
                    continue;
                }
                query.retain(|(name, _)| !name.starts_with("page"));
                users = paging::every(&self.access, path, &query, |user: &wire::User| user.id.clone()).await?;
            }
            for user in users {
                // Logto folds letters that we do not; such a user is nobody we asked for.
                if let Some(email) = asked_for(&user) {
                    found.entry(email).or_default().insert(user.id);
                }
            }
        }
        let users = |email: &Email| found.get(email.as_str()).into_iter().flatten().cloned().collect();
        Ok(emails.iter().map(|email| (email.clone(), users(email))).collect())
    }

    /// Every organization a user is a member of, with the organization roles held there; `None` where
    /// there is no such user. One call.
    ///
    /// `GET /api/users/{id}/organizations`
    pub async fn user_organizations(
        &self,
        user: &UserId,
    ) -> Result<Option<Vec<(OrganizationId, Vec<OrganizationRoleId>)>>, LogtoError> {
        let Some(id) = segment(user.as_str()) else { return Ok(None) };
        let path = format!("/api/users/{id}/organizations");
        let Some(answer) = self.access.find(&path, &Query::new()).await? else { return Ok(None) };
        let mut organizations: Vec<(OrganizationId, Vec<OrganizationRoleId>)> = answer
            .json::<Vec<wire::UserOrganization>>()?
            .into_iter()
            .map(|held| (held.id, sorted(held.organization_roles)))
            .collect();
        organizations.sort();
        Ok(Some(organizations))
    }

    /// The organization roles of one member; `None` where the user is no member (or does not exist, or
    /// the organization does not). One call.
    ///
    /// `GET /api/organizations/{id}/users/{user}/roles`
    pub async fn member_roles(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Option<Vec<OrganizationRoleId>>, LogtoError> {
        let (Some(id), Some(user)) = (segment(organization.as_str()), segment(user.as_str())) else {
            return Ok(None);
        };
        // Without `page` and `page_size` this list is not cut into pages.
        match self.access.get(&format!("/api/organizations/{id}/users/{user}/roles"), &Query::new()).await? {
            Reply::Answer(answer) => Ok(Some(sorted(answer.json()?))),
            Reply::Refusal(refusal) if refusal.status == 404 || refusal.code == "organization.require_membership" => {
                Ok(None)
            }
            Reply::Refusal(refusal) => Err(refusal.into()),
        }
    }

    /// How many hold a target, in one call; `None` where one call cannot tell: the role is gone, or it is
    /// an organization role, which only 1.41 counts, and older ones answer with all members instead.
    /// An organization that is gone has none.
    pub async fn holder_count(&self, target: &Target) -> Result<Option<u64>, LogtoError> {
        let path = match target {
            Target::Role { role } => role_users(role),
            Target::Membership { organization } => {
                segment(organization.as_str()).map(|id| format!("/api/organizations/{id}/users"))
            }
            Target::OrganizationRole { .. } => None,
        };
        let Some(path) = path else { return Ok(None) };
        let query = vec![("page", "1".to_owned()), ("page_size", "1".to_owned())];
        self.access.find(&path, &query).await?.map(|answer| answer.total()).transpose()
    }

    /// Whether one user holds one target, exactly. One call.
    pub async fn holds(&self, user: &UserId, target: &Target) -> Result<bool, LogtoError> {
        match target {
            Target::Role { role } => {
                let holders = self.holders_among(role, std::slice::from_ref(user)).await?;
                Ok(holders.here().is_some_and(|holders| holders.contains(user)))
            }
            Target::Membership { organization } => Ok(self.member_roles(organization, user).await?.is_some()),
            Target::OrganizationRole { organization, role } => {
                Ok(self.member_roles(organization, user).await?.is_some_and(|roles| roles.contains(role)))
            }
        }
    }

    pub(super) async fn organization_exists(&self, organization: &OrganizationId) -> Result<bool, LogtoError> {
        self.exists("/api/organizations", organization.as_str()).await
    }

    /// Whether an organization role is there: its holders do not tell.
    pub(crate) async fn organization_role_exists(&self, role: &OrganizationRoleId) -> Result<bool, LogtoError> {
        self.exists("/api/organization-roles", role.as_str()).await
    }

    async fn exists(&self, list: &str, id: &str) -> Result<bool, LogtoError> {
        let Some(id) = segment(id) else { return Ok(false) };
        Ok(self.access.find(&format!("{list}/{id}"), &Query::new()).await?.is_some())
    }

    /// The roles that one of `values` is the `field` (`search.name` or `search.id`) of, in that case.
    pub(super) async fn roles_by(
        &self,
        field: RoleField,
        values: &BTreeSet<&str>,
    ) -> Result<Vec<wire::Role>, LogtoError> {
        let (search, mode) = match field {
            RoleField::Name => ("search.name", "mode.name"),
            RoleField::Id => ("search.id", "mode.id"),
        };
        let mut roles = Vec::new();
        for some in small_enough(values.iter().copied().filter(|value| sendable(value)).collect()) {
            let mut query = vec![(mode, "exact".to_owned()), ("isCaseSensitive", "true".to_owned())];
            query.extend(some.into_iter().map(|value| (search, value.to_owned())));
            roles.extend(paging::every(&self.access, "/api/roles", &query, |role: &wire::Role| role.id.clone()).await?);
        }
        Ok(roles)
    }

    /// The organizations whose name or id contains `text`, whatever its case.
    pub(super) async fn organizations_like(&self, text: &str) -> Result<Vec<wire::Organization>, LogtoError> {
        let query = vec![("q", text.to_owned())];
        paging::every(&self.access, "/api/organizations", &query, |found: &wire::Organization| found.id.clone()).await
    }

    /// The same for each of these, several at once; the client bounds the calls themselves. In their order.
    pub(super) fn organizations_like_each<'a>(
        &'a self,
        texts: &'a [&'a str],
    ) -> impl Stream<Item = (&'a str, Result<Vec<wire::Organization>, LogtoError>)> {
        let asked = stream::iter(texts).map(move |text| async move { (*text, self.organizations_like(text).await) });
        asked.buffered(AT_ONCE)
    }

    pub(super) async fn organization_roles(&self) -> Result<Vec<wire::OrganizationRole>, LogtoError> {
        let path = "/api/organization-roles";
        paging::every(&self.access, path, &Query::new(), |role: &wire::OrganizationRole| role.id.clone()).await
    }

    /// The newest hundred users, and how many there are. One call.
    ///
    /// `GET /api/users`
    pub async fn newest_users(&self) -> Result<NewestUsers, LogtoError> {
        let (path, query) = ("/api/users", vec![("page", "1".to_owned()), ("page_size", PAGE.to_string())]);
        let answer = self.access.find(path, &query).await?;
        let answer = answer.ok_or_else(|| LogtoError::WrongPath { path: path.to_owned(), status: 404 })?;
        let users: Vec<wire::User> = answer.json()?;
        let one = |user: wire::User| (user.id, user.primary_email.as_deref().and_then(Email::parse));
        Ok(NewestUsers { total: answer.total()?, users: users.into_iter().map(one).collect() })
    }

    /// Names to choose from, for a message: not all of them where there are very many.
    pub(super) async fn some_names(&self, path: &str, query: &Query) -> Result<Vec<String>, LogtoError> {
        #[derive(serde::Deserialize)]
        struct Named {
            name: String,
        }
        let mut names = BTreeSet::new();
        for page in 1..=CANDIDATES / PAGE {
            let mut query = query.clone();
            query.extend([("page", page.to_string()), ("page_size", PAGE.to_string())]);
            let Some(answer) = self.access.find(path, &query).await? else { break };
            let named: Vec<Named> = answer.json()?;
            let last = named.len() < PAGE;
            names.extend(named.into_iter().map(|named| named.name));
            if last {
                break;
            }
        }
        Ok(names.into_iter().collect())
    }
}

/// What a role is searched by.
#[derive(Clone, Copy)]
pub(super) enum RoleField {
    Name,
    Id,
}

/// `id` where it can be part of a path: one that Logto could never have made names nothing, and must not
/// lead to another path (`..`) or to a 500 (a NUL).
pub(super) fn segment(id: &str) -> Option<&str> {
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ((1..=64).contains(&id.len()) && id.bytes().all(possible)).then_some(id)
}

fn role_users(role: &RoleId) -> Option<String> {
    segment(role.as_str()).map(|id| format!("/api/roles/{id}/users"))
}

/// A question whose answer fits one page.
fn exactly(mode: &'static str, case_sensitive: &str) -> Query {
    vec![
        (mode, "exact".to_owned()),
        ("isCaseSensitive", case_sensitive.to_owned()),
        ("page", "1".to_owned()),
        ("page_size", PAGE.to_string()),
    ]
}

/// Whether Logto can look for it: a NUL is a 500.
fn sendable(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// Whether the address of a user is one of those asked for by Logto's folding, which goes beyond ours.
fn folds_to_one_of(asked: &[&str], user: &wire::User) -> bool {
    let email = user.primary_email.as_deref().unwrap_or_default().to_lowercase();
    asked.iter().any(|asked| asked.to_lowercase() == email)
}

fn sorted(roles: Vec<wire::RoleRef>) -> Vec<OrganizationRoleId> {
    let mut roles: Vec<OrganizationRoleId> = roles.into_iter().map(|role| role.id).collect();
    roles.sort();
    roles.dedup();
    roles
}
