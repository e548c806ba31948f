//! No answer shows a secret, whatever found its way into what it is made of.
//!
//! Streams tell no more than that something has changed, and pass as they are.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse as _, Response};

use crate::secret::redacted;

pub(super) async fn shown(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        return Response::from_parts(head, body);
    }
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Response::from_parts(head, Body::from(bytes)) };
    let shown = redacted(text);
    if shown == text {
        return Response::from_parts(head, Body::from(bytes));
    }
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(shown.into_owned()))
}
