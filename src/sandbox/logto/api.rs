//! The paths of the simulated Logto: admits a call, finds what it is for, and never decides more than that.

use axum::http::StatusCode;

use super::input::BODY_LIMIT;
use super::scene::{Outcome, Scene};
use super::state::Tenant;
use super::{hooks, organization_roles, organizations, refusal, roles, token, users};
use crate::sandbox::exchange::{Answer, Call};
use crate::sandbox::faults::Knobs;
use crate::sandbox::token::LIFETIME;

/// Node.js refuses more than this in request line and headers.
const HEAD_LIMIT: usize = 16 * 1024;

/// Carries a call out.
pub(super) fn answer(call: &Call, tenant: &mut Tenant, knobs: &Knobs) -> Answer {
    if head_length(call) > HEAD_LIMIT {
        return Answer::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if call.body.len() > BODY_LIMIT {
        return refusal::no_such_path();
    }
    let segments = call.segments();
    if segments.iter().chain(call.query.iter().map(|(_, value)| value)).any(|text| text.contains('\0')) {
        return refusal::broke();
    }
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["oidc", "token"] if call.method == "POST" => {
            token::endpoint(call, tenant.token_generation, knobs.token_lifetime.unwrap_or(LIFETIME))
        }
        ["api", "status"] if call.method == "GET" => Answer::empty(StatusCode::NO_CONTENT),
        ["api", rest @ ..] => {
            if let Err(refused) = token::admit(call, tenant.token_generation) {
                return refused;
            }
            let scene = Scene { call, tenant, ties: knobs.ties };
            route(scene, call.method.as_str(), rest).unwrap_or_else(|refused| refused)
        }
        _ => refusal::no_such_path(),
    }
}

/// There is no `PUT` anywhere: it would replace what others granted, so a client that sends one is wrong. In one piece:
/// a table of paths.
fn route(mut scene: Scene<'_>, method: &str, path: &[&str]) -> Outcome {
    let scene = &mut scene;
    match (method, path) {
        ("GET", ["users"]) => users::list(scene),
        ("POST", ["users"]) => users::create(scene),
        ("GET", ["users", user]) => users::one(scene, user),
        ("PATCH", ["users", user]) => users::change(scene, user),
        ("DELETE", ["users", user]) => users::delete(scene, user),
        ("PATCH", ["users", user, "is-suspended"]) => users::suspend(scene, user),
        ("GET", ["users", user, "roles"]) => users::roles(scene, user),
        ("POST", ["users", user, "roles"]) => users::grant(scene, user),
        ("DELETE", ["users", user, "roles", role]) => roles::revoke(scene, role, user),
        ("GET", ["users", user, "organizations"]) => users::organizations(scene, user),

        ("GET", ["roles"]) => roles::list(scene),
        ("POST", ["roles"]) => roles::create(scene),
        ("GET", ["roles", role]) => roles::one(scene, role),
        ("DELETE", ["roles", role]) => roles::delete(scene, role),
        ("GET", ["roles", role, "users"]) => roles::holders(scene, role),
        ("POST", ["roles", role, "users"]) => roles::grant(scene, role),
        ("DELETE", ["roles", role, "users", user]) => roles::revoke(scene, role, user),

        ("GET", ["organizations"]) => organizations::list(scene),
        ("POST", ["organizations"]) => organizations::create(scene),
        ("GET", ["organizations", organization]) => organizations::one(scene, organization),
        ("DELETE", ["organizations", organization]) => organizations::delete(scene, organization),
        ("GET", ["organizations", organization, "users"]) => organizations::members(scene, organization),
        ("POST", ["organizations", organization, "users"]) => organizations::add_members(scene, organization),
        ("POST", ["organizations", organization, "users", "roles"]) => {
            organizations::give_roles_to_many(scene, organization)
        }
        ("DELETE", ["organizations", organization, "users", user]) => {
            organizations::remove_member(scene, organization, user)
        }
        ("GET", ["organizations", organization, "users", user, "roles"]) => {
            organizations::member_roles(scene, organization, user)
        }
        ("POST", ["organizations", organization, "users", user, "roles"]) => {
            organizations::give_roles(scene, organization, user)
        }
        ("DELETE", ["organizations", organization, "users", user, "roles", role]) => {
            organizations::take_role(scene, organization, user, role)
        }

        ("GET", ["hooks"]) => hooks::list(scene),
        ("POST", ["hooks"]) => hooks::create(scene),
        ("PATCH", ["hooks", hook]) => hooks::change(scene, hook),
        ("DELETE", ["hooks", hook]) => hooks::delete(scene, hook),

        ("GET", ["organization-roles"]) => organization_roles::list(scene),
        ("POST", ["organization-roles"]) => organization_roles::create(scene),
        ("GET", ["organization-roles", role]) => organization_roles::one(scene, role),
        ("DELETE", ["organization-roles", role]) => organization_roles::delete(scene, role),

        (
            _,
            ["users" | "roles" | "organizations" | "organization-roles"]
            | ["users" | "roles" | "organizations" | "organization-roles", _]
            | ["users", _, "is-suspended" | "roles" | "organizations"]
            | ["users", _, "roles", _]
            | ["roles", _, "users"]
            | ["roles", _, "users", _]
            | ["organizations", _, "users"]
            | ["organizations", _, "users", _]
            | ["organizations", _, "users", _, "roles"]
            | ["organizations", _, "users", _, "roles", _],
        ) => Err(refusal::wrong_method()),
        _ => Err(refusal::no_such_path()),
    }
}

fn head_length(call: &Call) -> usize {
    let headers = call.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    call.method.as_str().len() + call.target.len() + headers.sum::<usize>()
}
