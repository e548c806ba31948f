//! Where the daemon listens: whether the address can be had, or who has it, and whether it is guarded.
//!
//! Asks `/healthz` of whoever listens there, and sends no token.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::settings::{Config, Listen, TOKEN_LENGTH};
use crate::daemon::peer::{self, Unasked};
use crate::report::checkup::Check;

const SECTION: &str = "listener";
const ADDRESS: &str = "address";
const TOKEN: &str = "token";
const PREVIEW: &str = "preview token";

pub(super) async fn examine(config: &Config) -> Vec<Check> {
    let Listen::At(address) = config.listen else {
        let mend = "`listen: 127.0.0.1:8787` brings webhooks, metrics, `/readyz` and the page".to_owned();
        return vec![Check::note(SECTION, ADDRESS, "it is off", Some(mend))];
    };
    let mut checks = vec![taken(config, address).await];
    checks.push(match (&config.api_token, address.ip().is_loopback()) {
        (Some(_), _) if config.has_weak_token() => Check::wrong(
            SECTION,
            TOKEN,
            format!("`ENTITLED_API_TOKEN` has fewer than {TOKEN_LENGTH} characters, which is too short for a daemon to start"),
            Some("set it to a long random text, such as `openssl rand -hex 32` prints".to_owned()),
        ),
        (Some(_), _) => Check::ok(SECTION, TOKEN, "`ENTITLED_API_TOKEN` is set"),
        (None, true) => {
            Check::ok(SECTION, TOKEN, "none is set: whoever can run a program on this machine may read and write")
        }
        (None, false) => Check::wrong(
            SECTION,
            TOKEN,
            format!("`{address}` can be reached from other machines, and `ENTITLED_API_TOKEN` is not set"),
            Some("set it to a long random text, or listen on 127.0.0.1".to_owned()),
        ),
    });
    match &config.preview_token {
        Some(_) if config.has_weak_preview_token() => checks.push(Check::wrong(
            SECTION,
            PREVIEW,
            format!("`ENTITLED_PREVIEW_TOKEN` has fewer than {TOKEN_LENGTH} characters, which is too short for a daemon to start"),
            Some("set it to a long random text, such as `openssl rand -hex 32` prints".to_owned()),
        )),
        Some(_) => checks.push(Check::ok(SECTION, PREVIEW, "`ENTITLED_PREVIEW_TOKEN` is set")),
        None => {}
    }
    checks
}

async fn taken(config: &Config, address: SocketAddr) -> Check {
    let Err(error) = TcpListener::bind(address).await else {
        return Check::ok(SECTION, ADDRESS, format!("`{address}` is free: no daemon runs there"));
    };
    match peer::recognized(config, &config.store).await {
        Ok((near, _)) => Check::ok(SECTION, ADDRESS, format!("the daemon of this store answers at `{near}`")),
        Err(why @ Unasked::OtherStore(_)) => Check::wrong(
            SECTION,
            ADDRESS,
            why.to_string(),
            Some("give each store a `listen` of its own; if its file was replaced, restart the daemon".to_owned()),
        ),
        Err(why @ Unasked::Stranger(_)) => Check::wrong(
            SECTION,
            ADDRESS,
            format!("`{address}` is taken: {error}; {why}"),
            Some(
                "if it is a daemon that has just been started, look again in a moment; if it is one of an earlier version, restart it with this one; otherwise choose another address with `listen`"
                    .to_owned(),
            ),
        ),
        Err(Unasked::OwnStore { source, .. }) => Check::wrong(
            SECTION,
            ADDRESS,
            format!("`{address}` is taken, and whose daemon that is cannot be determined: {error}; {source}"),
            source.hint(),
        ),
        Err(why) => Check::wrong(
            SECTION,
            ADDRESS,
            format!("`{address}` cannot be listened on, and no daemon answers there: {error}; {why}"),
            Some("choose another address with `listen`, or stop the process that has it".to_owned()),
        ),
    }
}
