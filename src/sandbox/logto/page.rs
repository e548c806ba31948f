//! Pages: `page` and `page_size` in, `Total-Number` and `Link` out.

use axum::http::StatusCode;
use serde_json::Value;

use super::refusal;
use crate::sandbox::exchange::{Answer, Call, form_text};

/// The largest page.
const MAX_SIZE: f64 = 100.0;
/// Beyond this, PostgreSQL refuses the offset.
const MAX_OFFSET: f64 = 9.2e18;

/// Which rows are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    number: f64,
    pub(super) size: usize,
    pub(super) offset: usize,
}

impl Page {
    /// The page asked for; the first twenty rows where none is.
    pub(super) fn of(call: &Call) -> Result<Self, Answer> {
        let number = parameter(call, "page", 1.0)?;
        let size = parameter(call, "page_size", 20.0)?;
        if size > MAX_SIZE {
            return Err(refusal::invalid_pagination());
        }
        let offset = (number - 1.0) * size;
        if offset > MAX_OFFSET {
            return Err(refusal::absurd_page());
        }
        Ok(Self { number, size: size as usize, offset: offset as usize })
    }

    /// `None` where the call asks for no page, for the lists that then give everything.
    pub(super) fn if_asked(call: &Call) -> Result<Option<Self>, Answer> {
        if call.param("page").is_some() || call.param("page_size").is_some() {
            Self::of(call).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The rows of this page.
    pub(super) fn of_rows<T>(&self, rows: impl Iterator<Item = T>) -> Vec<T> {
        rows.skip(self.offset).take(self.size).collect()
    }

    /// 200 with the rows of this page out of `total`.
    pub(super) fn answer(&self, call: &Call, total: usize, rows: Vec<Value>) -> Answer {
        let mut answer = Answer::json(StatusCode::OK, &Value::Array(rows)).with("total-number", total.to_string());
        let last = total.div_ceil(self.size).max(1);
        let number = self.number as usize;
        let mut link = |page: usize, rel: &str| {
            answer.headers.push(("link", format!("<{}>; rel=\"{rel}\"", url(call, page))));
        };
        link(1, "first");
        if number > 1 {
            link(number - 1, "prev");
        }
        link(last, "last");
        if number < last {
            link(number + 1, "next");
        }
        answer
    }
}

fn parameter(call: &Call, name: &str, default: f64) -> Result<f64, Answer> {
    let value = match call.param(name) {
        None => default,
        Some(text) => text.trim().parse().map_err(|_| refusal::invalid_pagination())?,
    };
    if value.is_finite() && value >= 1.0 { Ok(value) } else { Err(refusal::invalid_pagination()) }
}

/// The address of another page as the real server writes it: without `/api`, and with the values of a
/// repeated parameter joined by a comma, so that following it asks for something else.
fn url(call: &Call, page: usize) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in &call.query {
        match pairs.iter_mut().find(|(known, _)| known == name) {
            Some((_, joined)) => *joined = format!("{joined},{value}"),
            None => pairs.push((name.clone(), value.clone())),
        }
    }
    match pairs.iter_mut().find(|(name, _)| name == "page") {
        Some((_, number)) => *number = page.to_string(),
        None => pairs.push(("page".to_owned(), page.to_string())),
    }
    let path = call.path();
    format!("{}{}?{}", call.origin(), path.strip_prefix("/api").unwrap_or(path), form_text(&pairs))
}
