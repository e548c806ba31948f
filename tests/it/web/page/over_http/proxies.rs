//! Behind a proxy that the file trusts whoever asks is told from whoever else does, and nobody can claim to be another.

use entitled::config::settings::network::Network;
use entitled::secret::Secret;
use entitled::web::Door;

use super::admission::{answer_from, kept_open};
use super::{Ask, Desk, TOKEN, samples};
use crate::support::home::demo_file;
use crate::support::program::Program;

/// The proxy that is trusted, and a machine that is none.
const PROXY: &str = "127.0.0.8";
const OTHER: &str = "127.0.0.9";
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

async fn desk(token: Option<&str>, trusted: &[&str]) -> Desk {
    let trusted = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
    let token = token.map(|token| Secret::new(token.to_owned()));
    let door = Door { trusted, ..Door::new("127.0.0.1:8787".parse().unwrap(), token) };
    Desk::behind(door, samples::in_sync(), None).await
}

/// The status of a request for something that the token opens, and how it is refused.
async fn show(desk: &Desk, from: &str, headers: &str, token: &str) -> (u16, String) {
    let head = "GET /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n";
    let said = answer_from(from, desk, &format!("{head}{headers}authorization: Bearer {token}\r\n\r\n")).await;
    let body: serde_json::Value = serde_json::from_str(said.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_default();
    (said[9..12].parse().unwrap(), body["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn who_guesses_through_a_trusted_proxy_slows_down_nobody_else_there() {
    let desk = desk(Some(TOKEN), &[PROXY, "10.0.0.0/8"]).await;
    let too_many = (429, "too_many_tries".to_owned());
    for number in 0..10 {
        // At the left stands what the guesser has sent: a new address each time.
        let claims = format!("x-forwarded-for: 192.0.2.{number}, 203.0.113.9\r\nx-forwarded-for: 10.1.1.1\r\n");
        assert_eq!(show(&desk, PROXY, &claims, "guess").await.0, 401);
    }
    for again in [
        "x-forwarded-for: 203.0.113.9\r\n",
        "x-forwarded-for: 192.0.2.77, 203.0.113.9:4711\r\n",
        "forwarded: for=192.0.2.77, for=203.0.113.9\r\n",
        "forwarded: for=\"203.0.113.9:80\"\r\nx-forwarded-for: 192.0.2.78, 203.0.113.9\r\n",
    ] {
        assert_eq!(show(&desk, PROXY, again, TOKEN).await, too_many, "{again}");
    }
    for another in ["x-forwarded-for: 203.0.113.8\r\n", "forwarded: for=\"[2001:db8::1]\"\r\n", ""] {
        assert_eq!(show(&desk, PROXY, another, TOKEN).await.0, 200, "{another}");
    }
}

#[tokio::test]
async fn whoever_is_no_trusted_proxy_claims_in_vain() {
    let desk = desk(Some(TOKEN), &[PROXY]).await;
    for number in 0..10 {
        let claims = format!("x-forwarded-for: 203.0.113.{number}\r\n");
        assert_eq!(show(&desk, OTHER, &claims, "guess").await.0, 401);
    }
    assert_eq!(show(&desk, OTHER, "x-forwarded-for: 203.0.113.77\r\n", TOKEN).await.0, 429);
    assert_eq!(show(&desk, PROXY, "x-forwarded-for: 203.0.113.1\r\n", TOKEN).await.0, 200);
    // And whoever claims nonsense there is read as before.
    let desk = self::desk(Some(TOKEN), &[PROXY]).await;
    assert_eq!(show(&desk, OTHER, "x-forwarded-for: nonsense\r\n", TOKEN).await.0, 200);
}

#[tokio::test]
async fn a_proxy_that_leaves_open_who_asks_is_refused_whatever_it_shows() {
    let desk = desk(Some(TOKEN), &[PROXY]).await;
    for unclear in [
        "x-forwarded-for: unknown\r\n",
        "x-forwarded-for: \r\n",
        "x-forwarded-for: 203.0.113.9, \"\r\n",
        "forwarded: for=_hidden\r\n",
        "forwarded: for=203.0.113.9\r\nx-forwarded-for: 203.0.113.8\r\n",
    ] {
        let refused = show(&desk, PROXY, unclear, TOKEN).await;
        assert_eq!(refused, (400, "unclear_client".to_owned()), "{unclear}");
    }
}

/// The rate of a stranger goes by the address too: `/metrics` answers 20 at once.
#[tokio::test]
async fn who_floods_through_a_trusted_proxy_takes_only_a_rate_of_its_own() {
    let desk = desk(Some(TOKEN), &["127.0.0.1"]).await;
    let ask = async |client: &str| {
        let headers = [("x-forwarded-for", client)];
        desk.ask(Ask("GET", "/metrics", &headers, "")).await.status().as_u16()
    };
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(ask("203.0.113.9").await);
    }
    assert!(flood.contains(&429) && flood.contains(&401), "{flood:?}");
    assert_eq!(ask("203.0.113.8").await, 401);
}

/// Whoever holds connections by a proxy holds a share of them, and no more.
#[tokio::test]
async fn who_keeps_connections_through_a_trusted_proxy_keeps_nobody_else_out() {
    let desk = desk(Some(TOKEN), &[PROXY]).await;
    let ask = |client: &str, close: &str| {
        format!("GET /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: {client}\r\n{close}\r\n")
    };
    let mut kept = Vec::new();
    for number in 0..80 {
        let (said, connection) = kept_open(PROXY, &desk, &ask("203.0.113.9", "")).await;
        let wanted = if number < 64 { "HTTP/1.1 200" } else { "HTTP/1.1 503" };
        // Sixty pages at once, the rest of them each in its time.
        assert!(said.starts_with(wanted) || said.starts_with("HTTP/1.1 429"), "{number}: {said}");
        assert!(number >= 64 || !said.starts_with("HTTP/1.1 503"), "{number}: {said}");
        kept.push(connection);
    }
    let said = answer_from(PROXY, &desk, &ask("203.0.113.8", "connection: close\r\n")).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let said = answer_from(PROXY, &desk, &ask("203.0.113.9", "connection: close\r\n")).await;
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
}

#[tokio::test]
async fn without_a_token_a_trusted_proxy_passes_nothing_on() {
    let desk = desk(None, &["127.0.0.1"]).await;
    for headers in [&[("x-forwarded-for", "127.0.0.1")][..], &[("forwarded", "for=127.0.0.1")], &[("via", "1.1 proxy")]]
    {
        for path in ["/", "/api/v1/status", "/metrics"] {
            assert_eq!(desk.ask(Ask("GET", path, headers, "")).await.status().as_u16(), 403, "{path} {headers:?}");
        }
        let headers: Vec<_> = headers.iter().copied().chain([("x-entitled", "1")]).collect();
        assert_eq!(desk.ask(Ask("POST", "/api/v1/unfreeze", &headers, "")).await.status().as_u16(), 403);
    }
    assert_eq!(desk.ask(Ask("GET", "/api/v1/status", &[], "")).await.status().as_u16(), 200, "nothing is passed on");
}

#[tokio::test]
async fn who_is_slowed_down_is_told_of_the_key() {
    let desk = desk(Some(TOKEN), &[]).await;
    for _ in 0..10 {
        show(&desk, PROXY, "", "guess").await;
    }
    let head =
        "GET /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer guess\r\n\r\n";
    let said = answer_from(PROXY, &desk, head).await;
    assert!(said.contains("too_many_tries") && said.contains("`trusted_proxies`"), "{said}");
}

/// The daemon itself, as its file has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_trusts_the_proxies_of_its_file() {
    let program = Program::new(&format!("{}trusted_proxies: [127.0.0.0/8]\n", demo_file()));
    let daemon = program.start_with(&[("ENTITLED_API_TOKEN", TOKEN)], &["run", "--listen", "127.0.0.1:0"]);
    let (url, client) = (format!("{}/api/v1/runs", daemon.address().await), entitled::http::client(SOON));
    let ask = async |from: &str, token: &str| {
        let request = client.get(&url).header("x-forwarded-for", from).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..10 {
        assert_eq!(ask("203.0.113.9", "guess").await, 401);
    }
    assert_eq!(ask("203.0.113.9", TOKEN).await, 429);
    assert_ne!(ask("203.0.113.8", TOKEN).await, 429);
}
