//! No answer shows a secret, whatever found its way into what it is made of.
//!
//! A stream is looked through event by event, each of which is sent whole.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;

use crate::secret::redacted;

pub(super) async fn shown(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        let body = body.into_data_stream().map_ok(|event| match std::str::from_utf8(&event) {
            Ok(text) => Bytes::from(redacted(text).into_owned()),
            Err(_) => event,
        });
        return Response::from_parts(head, Body::from_stream(body));
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

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn whole_answers_and_streams_show_no_secret() {
        let secret = "canary-in-an-answer";
        crate::secret::hide(secret);
        let said = format!("data: {secret}\n\n");
        let event = Ok::<_, std::convert::Infallible>(said.clone());
        for body in [Body::from(said.clone()), Body::from_stream(stream::iter([event.clone(), event]))] {
            let shown = to_bytes(shown(Response::new(body)).await.into_body(), 1_000).await.unwrap();
            let shown = String::from_utf8(shown.to_vec()).unwrap();
            assert!(shown.contains("[secret]") && !shown.contains("canary"), "{shown}");
        }
    }
}
