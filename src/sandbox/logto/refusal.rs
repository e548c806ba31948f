//! Every refusal of the simulated API: status, code and words as the real server has them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::exchange::Answer;

fn coded(status: u16, code: &str, message: &str) -> Answer {
    plain(status, &json!({ "code": code, "message": message }))
}

fn plain(status: u16, body: &Value) -> Answer {
    Answer::json(StatusCode::from_u16(status).expect("the statuses in this file are valid"), body)
}

pub(super) fn no_such_path() -> Answer {
    Answer::text(StatusCode::NOT_FOUND, "Not Found")
}

pub(super) fn wrong_method() -> Answer {
    Answer::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

pub(super) fn broke() -> Answer {
    plain(500, &json!({ "message": "Internal server error." }))
}

/// What the sandbox does not simulate, said aloud rather than answered wrongly.
pub(super) fn not_simulated(what: &str) -> Answer {
    plain(501, &json!({ "message": format!("the sandbox does not simulate {what}") }))
}

pub(super) fn not_found() -> Answer {
    coded(404, "entity.not_found", "The resource does not exist.")
}

pub(super) fn no_such_id(table: &str, id: &str) -> Answer {
    coded(404, "entity.not_exists_with_id", &format!("The {table} with ID `{id}` does not exist."))
}

pub(super) fn no_such_role(id: &str) -> Answer {
    no_such_id("roles", id)
}

pub(super) fn relation_not_found() -> Answer {
    coded(
        422,
        "entity.relation_foreign_key_not_found",
        "Cannot find one or more foreign keys. Please check the input and ensure that all referenced entities exist.",
    )
}

pub(super) fn value_too_long() -> Answer {
    coded(422, "entity.value_too_long", "The value is too long and exceeds the limit.")
}

pub(super) fn constraint_violated() -> Answer {
    coded(422, "entity.db_constraint_violated", "Database constraint violated.")
}

pub(super) fn not_unique() -> Answer {
    coded(422, "entity.unique_integrity_violation", "The entity already exists. Please check the input and try again.")
}

pub(super) fn invalid_role_type() -> Answer {
    coded(422, "user.invalid_role_type", "Invalid role type, can not assign machine-to-machine role to user.")
}

pub(super) fn email_in_use() -> Answer {
    coded(422, "user.email_already_in_use", "This email is associated with an existing account.")
}

pub(super) fn username_in_use() -> Answer {
    coded(422, "user.username_already_in_use", "This username is already in use.")
}

pub(super) fn role_name_in_use(name: &str) -> Answer {
    coded(422, "role.name_in_use", &format!("This role name {name} is already in use"))
}

pub(super) fn role_user_exists(user: &str) -> Answer {
    coded(422, "role.user_exists", &format!("The user id {user} is already been added to this role"))
}

pub(super) fn require_membership() -> Answer {
    coded(422, "organization.require_membership", "The user must be a member of the organization to proceed.")
}

pub(super) fn role_names_not_found() -> Answer {
    coded(
        422,
        "organization.role_names_not_found",
        "Some of the organization role names do not exist in the organization template.",
    )
}

pub(super) fn invalid_pagination() -> Answer {
    coded(400, "guard.invalid_pagination", "The request pagination value is invalid.")
}

pub(super) fn absurd_page() -> Answer {
    coded(422, "entity.invalid_input", "Invalid input. Value list must not be empty.")
}

pub(super) fn invalid_search(why: &str) -> Answer {
    let message = format!("Input is invalid. {why}");
    plain(400, &json!({ "code": "request.invalid_input", "data": {}, "message": message }))
}

/// A value that fails its schema, as zod reports it.
pub(super) fn invalid_input(mut issue: Value, key: &str) -> Answer {
    issue["path"] = json!([key]);
    let details = format!(
        "Error in key path \"{key}\": ({}) {}",
        issue["code"].as_str().unwrap_or_default(),
        issue["message"].as_str().unwrap_or_default()
    );
    plain(
        400,
        &json!({
            "code": "guard.invalid_input",
            "data": { "issues": [issue], "name": "ZodError" },
            "details": details,
            "message": "The request body is invalid.",
        }),
    )
}

pub(super) fn invalid_role_kind() -> Answer {
    invalid_input(json!({ "code": "invalid_enum_value", "message": "Invalid enum value" }), "type")
}

/// A value that has to be there.
pub(super) fn required(expected: &str, key: &str) -> Answer {
    let issue = json!({ "code": "invalid_type", "expected": expected, "received": "undefined", "message": "Required" });
    invalid_input(issue, key)
}

pub(super) fn malformed_json(message: &str) -> Answer {
    plain(400, &json!({ "message": message }))
}

pub(super) fn no_token() -> Answer {
    coded(401, "auth.authorization_header_missing", "Authorization header is missing.")
}

pub(super) fn wrong_scheme() -> Answer {
    coded(401, "auth.authorization_token_type_not_supported", "Authorization type is not supported.")
}

/// `code` and `name` are those of the library that reads the token.
pub(super) fn bad_token(code: &str, name: &str) -> Answer {
    plain(
        401,
        &json!({
            "code": "auth.unauthorized",
            "data": { "code": code, "name": name },
            "message": "Unauthorized. Please check credentials and its scope.",
        }),
    )
}

pub(super) fn forbidden() -> Answer {
    coded(403, "auth.forbidden", "Forbidden. Please check your user roles and permissions.")
}

/// A refusal of the token endpoint.
pub(super) fn oidc(status: u16, error: &str, description: &str) -> Answer {
    let message = match error {
        "invalid_target" => "Invalid resource indicator.".to_owned(),
        _ => format!("An OIDC error occurred: oidc.{error}."),
    };
    plain(
        status,
        &json!({
            "code": format!("oidc.{error}"),
            "message": message,
            "error": error,
            "error_description": description,
        }),
    )
}
