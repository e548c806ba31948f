//! Where the daemon listens: whether the address can be had, or who has it, and whether it is guarded.
//!
//! Asks `/healthz` of whoever listens there, and sends no token.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::config::settings::{Config, Listen};
use crate::http;
use crate::report::checkup::Check;

const SECTION: &str = "listener";
const ADDRESS: &str = "address";
const TOKEN: &str = "token";

/// For whoever listens: it is this machine.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn examine(config: &Config) -> Vec<Check> {
    let Listen::At(address) = config.listen else {
        let mend = "`listen: 127.0.0.1:8787` brings webhooks, metrics, `/readyz` and the page".to_owned();
        return vec![Check::note(SECTION, ADDRESS, "it is off", Some(mend))];
    };
    let mut checks = vec![taken(address).await];
    checks.push(match (&config.api_token, address.ip().is_loopback()) {
        (Some(_), _) => Check::ok(SECTION, TOKEN, "`ENTITLED_API_TOKEN` is set"),
        (None, true) => Check::ok(SECTION, TOKEN, "none is needed to read from this machine alone"),
        (None, false) => Check::wrong(
            SECTION,
            TOKEN,
            format!("`{address}` can be reached from other machines, and `ENTITLED_API_TOKEN` is not set"),
            Some("set it to a long random text, or listen on 127.0.0.1 behind a proxy".to_owned()),
        ),
    });
    checks
}

async fn taken(address: SocketAddr) -> Check {
    let Err(error) = TcpListener::bind(address).await else {
        return Check::ok(SECTION, ADDRESS, format!("`{address}` is free: no daemon runs there"));
    };
    let mut near = address;
    if near.ip().is_unspecified() {
        near.set_ip(if near.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let answer = http::client(PATIENCE).get(format!("http://{near}/healthz")).send().await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            Check::ok(SECTION, ADDRESS, format!("a daemon answers at `{near}`"))
        }
        _ => Check::wrong(
            SECTION,
            ADDRESS,
            format!("`{address}` cannot be listened on, and no daemon answers there: {error}"),
            Some("choose another address with `listen`, or end whoever has it".to_owned()),
        ),
    }
}
