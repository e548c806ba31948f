//! Logto: reachable, token, scope, clock, a page, the names of the file.
//!
//! The three troubles that newcomers meet are told by name: 403, since the application lacks the role; 404,
//! since a name or id of the file is not in the tenant; and a buyer whose token is older than the role.

use super::{Patient, clock};
use crate::config::settings::LogtoEndpoint;
use crate::logto::{Client, LogtoError, Named, Reached, Reader, resolve};
use crate::report::checkup::Check;
use crate::text::{error_chain, human};

const REACHABLE: &str = "reachable";
const TOKEN: &str = "token";
const SCOPE: &str = "scope";
const API: &str = "Management API";
const PAGE: &str = "page";
const NAMES: &str = "names";

/// `grants` is how many the ledger has.
pub(super) async fn examine(patient: Patient<'_>, grants: u64) -> Vec<Check> {
    let settings = &patient.config.logto;
    let endpoint = match (&settings.endpoint, patient.simulators) {
        (LogtoEndpoint::Url(url), _) => url.clone(),
        (LogtoEndpoint::Sandbox, Some(simulators)) => simulators.logto.clone(),
        (LogtoEndpoint::Sandbox, None) => String::new(),
    };
    let section = &format!("Logto at {endpoint}");
    let reader = Client::new(&endpoint, settings).reader();
    let probed = reader.probe().await;
    let mut checks = steps(section, &settings.app_id, probed.as_ref().err());
    if let Err(error) = probed {
        if let Some(skew) = reader.skew() {
            checks.push(clock(section, Some(skew)));
        }
        let since =
            format!("{} first", if error.reached() == Reached::Nothing { "Logto must answer" } else { "the above" });
        checks.extend([PAGE, NAMES].map(|name| Check::not_tried(section, name, &since)));
        return checks;
    }
    checks.push(clock(section, reader.skew()));
    checks.push(page(section, &reader).await);
    checks.extend(names(section, patient, &reader).await);
    if grants > 0 {
        checks.push(Check::note(
            section,
            "tokens of buyers",
            format!("{} in force; a buyer's token that is older than the role does not hold it", human::count(grants, "grant")),
            Some(
                "who still lacks access signs in again, or the app calls `clearAccessToken` and `getAccessToken` of the SDK"
                    .to_owned(),
            ),
        ));
    }
    checks
}

/// The steps up to an answer of the Management API, each well until the one that failed.
fn steps(section: &str, app: &str, failed: Option<&LogtoError>) -> Vec<Check> {
    let well = [
        (Reached::Nothing, REACHABLE, "it answers".to_owned()),
        (Reached::Logto, TOKEN, format!("given to the application `{app}`")),
        (Reached::Token, SCOPE, "`all`: the application has the role \"Logto Management API access\"".to_owned()),
        (Reached::Api, API, "it answers with what a Logto answers".to_owned()),
    ];
    let steps = well.into_iter().map(|(reached, name, found)| match failed {
        None => Check::ok(section, name, found),
        Some(error) if reached < error.reached() => Check::ok(section, name, found),
        Some(error) if reached == error.reached() => {
            let status = if reached == Reached::Token { " (the Management API answers 403)" } else { "" };
            Check::wrong(section, name, format!("{}{status}", error_chain(error)), error.hint())
        }
        Some(_) => Check::not_tried(section, name, "the above first"),
    });
    steps.collect()
}

async fn page(section: &str, reader: &Reader) -> Check {
    match reader.small_page().await {
        Ok(page) if page.agrees() => {
            let users = human::count(page.total, "user");
            Check::ok(section, PAGE, format!("{} of {users}, as `Total-Number` says", page.rows))
        }
        Ok(page) => Check::wrong(
            section,
            PAGE,
            format!("a page of two has {}, and `Total-Number` is {}", human::count(page.rows, "user"), page.total),
            Some("look for a proxy or a cache in front of Logto that changes queries or headers".to_owned()),
        ),
        Err(error) => Check::wrong(section, PAGE, error_chain(&error), error.hint()),
    }
}

async fn names(section: &str, Patient { config, origin, .. }: Patient<'_>, reader: &Reader) -> Vec<Check> {
    let resolved = match resolve(reader, &config.products, &config.protected_roles).await {
        Ok(resolved) => resolved,
        Err(error) => return vec![Check::wrong(section, NAMES, error_chain(&error), error.hint())],
    };
    if resolved.problems.is_empty() {
        let targets = human::count(resolved.catalog.targets.len() as u64, "target");
        return vec![Check::ok(section, NAMES, format!("all resolve, to {targets}"))];
    }
    let wrong = resolved.problems.into_iter().map(|problem| {
        let place = format!("{}:{}:{}", origin.file, problem.line, problem.column);
        let follows = match problem.of {
            Named::Target => "; under a wrong id Logto answers 404",
            Named::Protection => "",
        };
        let cause = format!("{} ({place}){follows}", problem.message);
        Check::wrong(section, NAMES, cause, problem.hint)
    });
    wrong.collect()
}
