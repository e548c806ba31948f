//! A change of state, or the beginning or the end of a freeze, as a notification tells it: what it was, what it is,
//! since when, and what to do.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::messages;
use super::status::{Figures, Frozen, Status, Trouble};
use super::text::plan::who;
use crate::model::State;
use crate::text::clean;

/// So many troubles and holds are told one by one.
const TOLD: usize = 5;

/// What a notification says. Its JSON is what a receiver of the format `json` gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// `state` for a change of state, `freeze` for the begin or the end of a freeze.
    pub event: News,
    /// The state before; absent in the first notice of a process, and where the state is not what changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<State>,
    /// The state now.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// The file and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The figures over all targets.
    pub figures: Figures,
    /// The first holds, one for each reason.
    pub held: Vec<Held>,
    /// What does not work, worst first.
    pub troubles: Vec<Trouble>,
    /// What somebody stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Frozen>,
    /// All of it, for people.
    pub text: String,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The state is another one.
    State,
    /// A freeze has begun or ended.
    Freeze,
}

/// Changes that are held for one and the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The first of them, in words.
    pub first: String,
    /// How many there are.
    pub changes: u64,
    /// The name of the hold.
    pub hold: String,
    /// Why they are withheld.
    pub reason: String,
    /// What would lift the hold: the command, where one does.
    pub lift: String,
}

impl Notice {
    /// What is to be said of a status that has another state than before.
    pub fn new(before: Option<State>, status: &Status) -> Self {
        Self::about(News::State, before, status)
    }

    /// What is to be said of a status that somebody has frozen, or that is no longer frozen.
    pub fn freeze(status: &Status) -> Self {
        Self::about(News::Freeze, None, status)
    }

    fn about(event: News, before: Option<State>, status: &Status) -> Self {
        let mut notice = Self {
            event,
            before,
            state: status.state,
            since: status.since,
            config: status.config.as_ref().map(|config| config.origin.short()),
            figures: status.figures,
            held: held(status),
            troubles: status.troubles.iter().take(TOLD).cloned().collect(),
            freeze: status.freeze.clone(),
            text: String::new(),
        };
        notice.text = notice.text();
        notice
    }

    /// The body for a receiver that takes JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a notice holds strings, numbers and lists only")
    }

    /// The body for Slack and what speaks its language: `text` alone, with the three characters escaped that
    /// mean something to it (<https://docs.slack.dev/messaging/formatting-message-text>).
    pub fn slack(&self) -> String {
        let text = self.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        serde_json::json!({ "text": text }).to_string()
    }

    fn text(&self) -> String {
        let word = self.state.word();
        let mut text = match (self.event, self.before, &self.freeze) {
            (News::State, Some(before), _) => format!("entitled is {word} (was {})", before.word()),
            (News::State, None, _) => format!("entitled is {word} (just started)"),
            (News::Freeze, _, Some(_)) => format!("entitled is frozen; it is {word}"),
            (News::Freeze, _, None) => format!("entitled is no longer frozen; it is {word}"),
        };
        let _ = write!(text, ", since {:.0}", self.since);
        if let Some(config) = &self.config {
            let _ = write!(text, ", by {}", clean(config));
        }
        let Figures { pending, held, waiting, unknown, .. } = self.figures;
        let figures = [
            (pending, "pending"),
            (held, "held"),
            (waiting, "waiting for an account"),
            (unknown, "of unknown standing"),
        ];
        let figures: Vec<String> = figures
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        if !figures.is_empty() {
            let _ = write!(text, "\n{}", figures.join(", "));
        }
        for trouble in &self.troubles {
            let _ = write!(text, "\n- {}", clean(&trouble.line()));
            if let Some(hint) = &trouble.hint {
                let _ = write!(text, "\n  hint: {}", clean(hint));
            }
        }
        if let Some(freeze) = &self.freeze {
            let what = messages::frozen_scope(&freeze.scope);
            let (who, reason) = (clean(&freeze.who), clean(&freeze.reason));
            let _ = write!(text, "\n- {what} until {:.0}, by {who}: {reason}", freeze.until);
        }
        for held in &self.held {
            let more = if held.changes > 1 { format!(" and {} more", held.changes - 1) } else { String::new() };
            let _ = write!(text, "\n- {}: {}{more}: {}\n  hint: {}", held.hold, held.first, held.reason, held.lift);
        }
        text
    }
}

fn held(status: &Status) -> Vec<Held> {
    let mut all: Vec<_> = status.held.iter().collect();
    all.sort_by_key(|one| (&one.hold, &one.reason, &one.lift));
    let alike = all.chunk_by(|a, b| (&a.hold, &a.reason, &a.lift) == (&b.hold, &b.reason, &b.lift));
    let told = alike.take(TOLD).map(|alike| Held {
        first: messages::describe(&alike[0].change, &who(&alike[0].change)),
        changes: alike.len() as u64,
        hold: alike[0].hold.clone(),
        reason: alike[0].reason.clone(),
        lift: alike[0].lift.clone(),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::status::Mode;
    use crate::report::{Change, HeldChange};

    #[test]
    fn the_first_hold_stands_with_its_command_and_slack_is_not_led_astray() {
        let held = |user: &str| HeldChange {
            change: Change {
                action: "revoke".to_owned(),
                user: user.into(),
                email: Some("<!channel>&@example.com".to_owned()),
                target: "role paid-tier".to_owned(),
                target_key: "role/paid".to_owned(),
                because: String::new(),
                cause: String::new(),
                order: None,
                source: None,
                product: None,
                line: None,
            },
            hold: "OverLimit".to_owned(),
            reason: "7 in a day, and 5 are allowed".to_owned(),
            lift: "`entitled approve 3f2a9c1` lets them through".to_owned(),
            lifts: None,
            set: Some("3f2a9c1".to_owned()),
        };
        let mut status = Status::starting(Mode::Live, Timestamp::UNIX_EPOCH);
        status.state = State::Held;
        status.held = Arc::new(vec![held("ann"), held("ben")]);
        status.figures.held = 2;
        let notice = Notice::new(Some(State::InSync), &status);
        assert_eq!(notice.held.len(), 1, "those that are held for one reason are told once");
        for part in [
            "entitled is Held (was InSync)",
            "2 held",
            "OverLimit: revoke role paid-tier from ann",
            " and 1 more",
            "`entitled approve 3f2a9c1`",
        ] {
            assert!(notice.text.contains(part), "`{part}` is missing in\n{}", notice.text);
        }
        let slack: serde_json::Value = serde_json::from_str(&notice.slack()).expect("JSON");
        let text = slack["text"].as_str().expect("a text");
        assert!(text.contains("&lt;!channel&gt;&amp;@example.com") && !text.contains('<'), "{text}");
    }
}
