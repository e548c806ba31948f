//! Just enough of Logto to be wrong in ways that a well-behaved simulator is not: users whose rows always
//! fail, servers that repeat what they were sent, answers that are no Logto's.

#![expect(clippy::disallowed_methods, reason = "notes when each request arrived")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// What happens to requests that match, instead of or after carrying them out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Answer(u16),
    AnswerText(u16),
    Quiet,
    ApplyThenAnswer(u16),
    Drop,
    ApplyThenDrop,
    Echo(u16),
}

pub(crate) struct Rule {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Only where the body names this user.
    pub(crate) user: Option<String>,
    pub(crate) left: u32,
    pub(crate) fault: Fault,
}

pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) at: Instant,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: BTreeMap<String, String>,
    /// Id -> name and type.
    pub(crate) roles: BTreeMap<String, (String, &'static str)>,
    pub(crate) holders: BTreeMap<String, BTreeSet<String>>,
    pub(crate) organizations: BTreeMap<String, String>,
    pub(crate) members: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    pub(crate) organization_roles: BTreeMap<String, (String, &'static str)>,
    pub(crate) secret: String,
    pub(crate) scope: Option<&'static str>,
    pub(crate) lifetime: u64,
    pub(crate) tokens: u32,
    /// Tokens before this number are refused.
    pub(crate) valid_from: u32,
    /// Lists of holders show the last row of each page again instead of the first of the next.
    pub(crate) ties: bool,
    pub(crate) rules: Vec<Rule>,
    /// Requests with this in their path are answered when so many are there at the same time.
    pub(crate) meeting: Option<(&'static str, Arc<tokio::sync::Barrier>)>,
    pub(crate) seen: Vec<Seen>,
}

#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Stub {
    pub(crate) async fn start() -> Self {
        let state = State { secret: SECRET.into(), scope: Some("all"), lifetime: 3600, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = state.clone();
        let app = axum::Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let state = shared.clone();
            async move {
                let meeting = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).meeting.clone();
                if let Some((_, others)) = meeting.filter(|(part, _)| uri.path().contains(part)) {
                    others.wait().await;
                }
                answer(&state, &method, &uri, &headers, &body)
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn fault(&self, fault: Fault, left: u32, method: &'static str, path: &str) {
        self.state().rules.push(Rule { method, path: path.to_owned(), user: None, left, fault });
    }

    /// How many requests had this method and this in their path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.state().seen.iter().filter(|seen| seen.method == method && seen.path.contains(path)).count()
    }

    pub(crate) fn forget(&self) {
        self.state().seen.clear();
    }

    /// Users `u00000`, `u00001`, ...
    pub(crate) fn populate(&self, count: usize) -> Vec<entitled::model::UserId> {
        let ids: Vec<String> = (0..count).map(|n| format!("u{n:05}")).collect();
        let mut state = self.state();
        state.users.extend(ids.iter().map(|id| (id.clone(), format!("{id}@example.com"))));
        state.roles.insert("paid".into(), ("paid-tier".into(), "User"));
        state.organizations.insert("acme".into(), "Acme".into());
        state.organization_roles.insert("member".into(), ("member".into(), "User"));
        ids.into_iter().map(Into::into).collect()
    }

    pub(crate) fn holders(&self, role: &str) -> BTreeSet<String> {
        self.state().holders.get(role).cloned().unwrap_or_default()
    }
}

pub(crate) const SECRET: &str = "k3ep-th1s-t0-y0urself";

fn answer(state: &Mutex<State>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = uri.path().to_owned();
    state.seen.push(Seen { method: method.to_string(), path: path.clone(), at: Instant::now() });
    let text = format!("{}{}", uri.query().unwrap_or_default(), String::from_utf8_lossy(body));
    let rule = state.rules.iter_mut().find(|rule| {
        rule.left > 0
            && rule.method == method.as_str()
            && path.contains(&rule.path)
            && rule.user.as_ref().is_none_or(|user| text.contains(user.as_str()))
    });
    let fault = rule.map(|rule| {
        rule.left -= 1;
        rule.fault
    });
    let status = |code: u16| StatusCode::from_u16(code).unwrap();
    let internal =
        |code: u16| (status(code), axum::Json(json!({ "message": "Internal server error." }))).into_response();
    match fault {
        Some(Fault::Answer(code)) => return internal(code),
        Some(Fault::AnswerText(code)) => return (status(code), "Not Found").into_response(),
        Some(Fault::Quiet) => return (status(429), [("retry-after", "1")], "").into_response(),
        Some(Fault::Echo(code)) => {
            let sent: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            let token = headers["authorization"].to_str().unwrap();
            let message = format!("{token} {SECRET} {}", sent.join(" "));
            return (status(code), axum::Json(json!({ "code": "echo", "message": message }))).into_response();
        }
        // Ends the connection without an answer, and without a word on stderr.
        Some(Fault::Drop) => {
            drop(state);
            std::panic::resume_unwind(Box::new("dropped"))
        }
        Some(Fault::ApplyThenDrop) => {
            respond(&mut state, method, &path, uri, headers, body);
            drop(state);
            std::panic::resume_unwind(Box::new("dropped"))
        }
        Some(Fault::ApplyThenAnswer(code)) => {
            respond(&mut state, method, &path, uri, headers, body);
            return internal(code);
        }
        None => {}
    }
    respond(&mut state, method, &path, uri, headers, body)
}

fn refuse(status: u16, code: &str, message: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(json!({ "code": code, "message": message }))).into_response()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn page(rows: &[Value], query: &[(String, String)]) -> Response {
    let number = |name: &str, or: usize| {
        query.iter().find(|(key, _)| key == name).map_or(or, |(_, value)| value.parse().unwrap())
    };
    let (page, size) = (number("page", 1), number("page_size", 20));
    assert!(size <= 100, "logto refuses this");
    let some: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    let total = rows.len().to_string();
    // As Logto does: without `/api`, so that whoever follows it gets nowhere.
    let link = format!("<http://localhost/wrong?page={}>; rel=\"next\"", page + 1);
    // No text of Rust holds half an emoji.
    let body = serde_json::to_string(&some).unwrap().replace("half-an-emoji", r"\ud83d");
    ([("total-number", &*total), ("link", &link), ("content-type", "application/json")], body).into_response()
}

fn respond(state: &mut State, method: &Method, path: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    if path == "/oidc/token" {
        return token(state, headers, body);
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number: Option<u32> = authorization.strip_prefix("Bearer token-number-").and_then(|n| n.parse().ok());
    if number.is_none_or(|number| number < state.valid_from) {
        return refuse(401, "auth.unauthorized", "Unauthorized.");
    }
    assert_eq!(headers["accept-language"], "en");
    let query = pairs(uri.query().unwrap_or_default());
    let all = |name: &str| -> Vec<&str> {
        query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    };
    let parts: Vec<&str> = path.strip_prefix("/api/").unwrap_or_default().split('/').collect();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let texts = |name: &str| -> Vec<String> {
        body[name].as_array().into_iter().flatten().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let user_ids = texts("userIds");
    let user = |id: &String| json!({ "id": id, "primaryEmail": state.users.get(id), "profile": {} });
    match (method.as_str(), &parts[..]) {
        ("GET", ["users"]) => {
            let (ids, emails) = (all("search.id"), all("search.primaryEmail"));
            let rows: Vec<Value> = state
                .users
                .iter()
                .filter(|(id, email)| {
                    ids.contains(&id.as_str())
                        || emails.contains(&email.to_lowercase().as_str())
                        || ids.is_empty() && emails.is_empty()
                })
                .map(|(id, _)| user(id))
                .collect();
            page(&rows, &query)
        }
        ("GET", ["users", id, "organizations"]) => {
            if !state.users.contains_key(*id) {
                return refuse(404, "entity.not_found", "The resource does not exist.");
            }
            let rows: Vec<Value> = state
                .members
                .iter()
                .filter_map(|(organization, members)| Some((organization, members.get(*id)?)))
                .map(|(organization, roles)| {
                    let roles: Vec<Value> = roles.iter().map(|id| json!({ "id": id, "name": id })).collect();
                    json!({ "id": organization, "name": organization, "organizationRoles": roles })
                })
                .collect();
            axum::Json(rows).into_response()
        }
        ("GET", ["roles"]) => {
            let (names, ids) = (all("search.name"), all("search.id"));
            let rows: Vec<Value> = state
                .roles
                .iter()
                .filter(|(id, (name, kind))| {
                    all("type").iter().all(|wanted| wanted == kind)
                        && (names.is_empty() && ids.is_empty()
                            || names.contains(&name.as_str())
                            || ids.contains(&id.as_str()))
                })
                .map(|(id, (name, kind))| json!({ "id": id, "name": name, "type": kind }))
                .collect();
            page(&rows, &query)
        }
        ("GET", ["organization-roles"]) => {
            let rows: Vec<Value> = state
                .organization_roles
                .iter()
                .map(|(id, (name, kind))| json!({ "id": id, "name": name, "type": kind }))
                .collect();
            page(&rows, &query)
        }
        ("GET", ["organization-roles", id]) => match state.organization_roles.get(*id) {
            Some((name, kind)) => axum::Json(json!({ "id": id, "name": name, "type": kind })).into_response(),
            None => refuse(404, "entity.not_exists_with_id", ""),
        },
        ("GET", ["organizations"]) => {
            let q = all("q").first().map(|q| q.to_lowercase()).unwrap_or_default();
            let rows: Vec<Value> = state
                .organizations
                .iter()
                .filter(|(id, name)| id.contains(&q) || name.to_lowercase().contains(&q))
                .map(|(id, name)| json!({ "id": id, "name": name }))
                .collect();
            page(&rows, &query)
        }
        ("GET", ["organizations", id]) => match state.organizations.get(*id) {
            Some(name) => axum::Json(json!({ "id": id, "name": name })).into_response(),
            None => refuse(404, "entity.not_exists_with_id", ""),
        },
        ("GET", ["roles", role, "users"]) => {
            if !state.roles.contains_key(*role) {
                return refuse(404, "entity.not_exists_with_id", "");
            }
            let ids = all("search.id");
            let holders = state.holders.get(*role).cloned().unwrap_or_default();
            let mut rows: Vec<Value> =
                holders.iter().filter(|id| ids.is_empty() || ids.contains(&id.as_str())).map(user).collect();
            if state.ties && ids.is_empty() {
                for at in (100..rows.len()).step_by(100) {
                    rows[at] = rows[at - 1].clone();
                }
            }
            page(&rows, &query)
        }
        ("POST", ["roles", role, "users"]) => {
            let Some((_, kind)) = state.roles.get(*role) else {
                return refuse(404, "entity.not_exists_with_id", "");
            };
            let distinct: BTreeSet<String> = user_ids.iter().cloned().collect();
            let holders = state.holders.entry((*role).to_owned()).or_default();
            if distinct.len() < user_ids.len() {
                return (StatusCode::INTERNAL_SERVER_ERROR, "listed twice").into_response();
            }
            if let Some(held) = user_ids.iter().find(|id| holders.contains(*id)) {
                let message = format!("The user id {held} is already been added to this role");
                return refuse(422, "role.user_exists", &message);
            }
            if user_ids.iter().any(|id| !state.users.contains_key(id)) {
                return refuse(404, "entity.not_found", "The resource does not exist.");
            }
            if *kind != "User" {
                return refuse(422, "entity.db_constraint_violated", "");
            }
            holders.extend(distinct);
            (StatusCode::CREATED, "Created").into_response()
        }
        ("DELETE", ["roles", role, "users", id]) => {
            match state.holders.get_mut(*role).is_some_and(|holders| holders.remove(*id)) {
                true => StatusCode::NO_CONTENT.into_response(),
                false => refuse(404, "entity.not_found", ""),
            }
        }
        ("GET", ["organizations", id, "users"]) => {
            let rows: Vec<Value> = state
                .members
                .get(*id)
                .into_iter()
                .flatten()
                .map(|(member, roles)| {
                    let roles: Vec<Value> = roles.iter().map(|id| json!({ "id": id, "name": id })).collect();
                    json!({ "id": member, "organizationRoles": roles })
                })
                .collect();
            page(&rows, &query)
        }
        ("POST", ["organizations", id, "users"]) => {
            let known = user_ids.iter().all(|id| state.users.contains_key(id));
            if !known || !state.organizations.contains_key(*id) {
                return refuse(422, "entity.relation_foreign_key_not_found", "");
            }
            let members = state.members.entry((*id).to_owned()).or_default();
            for id in user_ids {
                members.entry(id).or_default();
            }
            (StatusCode::CREATED, axum::Json(body)).into_response()
        }
        ("POST", ["organizations", id, "users", "roles"]) => {
            let roles = texts("organizationRoleIds");
            let kinds: Option<Vec<&str>> =
                roles.iter().map(|role| state.organization_roles.get(role).map(|(_, kind)| *kind)).collect();
            let none = BTreeMap::new();
            let members = state.members.get(*id).unwrap_or(&none);
            match kinds {
                Some(kinds) if user_ids.iter().all(|id| members.contains_key(id)) => {
                    if kinds.iter().any(|kind| *kind != "User") {
                        return refuse(422, "entity.db_constraint_violated", "");
                    }
                }
                _ => return refuse(422, "entity.relation_foreign_key_not_found", ""),
            }
            let members = state.members.entry((*id).to_owned()).or_default();
            for id in user_ids {
                members.entry(id).or_default().extend(roles.iter().cloned());
            }
            (StatusCode::CREATED, "Created").into_response()
        }
        ("GET", ["organizations", id, "users", user, "roles"]) => {
            match state.members.get(*id).and_then(|members| members.get(*user)) {
                Some(roles) => {
                    let roles: Vec<Value> = roles.iter().map(|id| json!({ "id": id, "name": id })).collect();
                    axum::Json(roles).into_response()
                }
                None => refuse(422, "organization.require_membership", ""),
            }
        }
        ("DELETE", ["organizations", id, "users", user]) => {
            match state.members.get_mut(*id).is_some_and(|members| members.remove(*user).is_some()) {
                true => StatusCode::NO_CONTENT.into_response(),
                false => refuse(404, "entity.not_found", ""),
            }
        }
        ("DELETE", ["organizations", id, "users", user, "roles", role]) => {
            let roles = state.members.get_mut(*id).and_then(|members| members.get_mut(*user));
            match roles.is_some_and(|roles| roles.remove(*role)) {
                true => StatusCode::NO_CONTENT.into_response(),
                false => refuse(404, "entity.not_found", ""),
            }
        }
        _ => (StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}

fn token(state: &mut State, headers: &HeaderMap, body: &[u8]) -> Response {
    state.tokens += 1;
    let form = pairs(&String::from_utf8_lossy(body));
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let oidc = |status: u16, error: &str, description: &str| {
        let body = json!({ "code": format!("oidc.{error}"), "message": "An OIDC error occurred.",
            "error": error, "error_description": description });
        (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
    };
    let expected = |app: &str, secret: &str| {
        let request = entitled::http::client(std::time::Duration::from_secs(5))
            .get("http://localhost")
            .basic_auth(app, Some(secret))
            .build()
            .unwrap();
        headers.get("authorization") == request.headers().get("authorization")
    };
    if value("grant_type") != Some("client_credentials") || value("scope") != Some("all") {
        return oidc(400, "invalid_request", "");
    }
    if expected("nobody", SECRET) {
        return oidc(400, "invalid_client", "invalid client nobody");
    }
    if expected("late", SECRET) {
        return oidc(400, "invalid_request", "client secret has expired");
    }
    if !expected("app", &state.secret) {
        return oidc(401, "invalid_client", "client authentication failed");
    }
    if value("resource") != Some("https://default.logto.app/api") {
        return oidc(400, "invalid_target", "resource indicator is missing, or unknown");
    }
    let mut answer = json!({ "access_token": format!("token-number-{}", state.tokens),
        "expires_in": state.lifetime, "token_type": "Bearer" });
    if let Some(scope) = state.scope {
        answer["scope"] = scope.into();
    }
    axum::Json(answer).into_response()
}
