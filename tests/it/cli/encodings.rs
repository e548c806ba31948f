//! Servers that hand back what they were sent, in whatever form: none of it is shown.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::support::home::Town;

/// Only part of an address, and written there with a capital letter.
const PLACE: &str = "Canary-of-the-place";
/// Parts of another address, where nothing is called a secret: out of a file, out of `.env` and out of the environment.
const PARTS: [&str; 3] = ["canary-of-the-path", "canary-beside-the-file", "canary-around-the-program"];
const ISSUED: &str = "canary.issued_by.the-endpoint";
const ID: &str = "the-id-of-the-client";
const SECRET: &str = "canary/of+the&client=1";
pub(super) const TOKEN: &str = "canary-of-the-api-token";
const HOOK: &str = "canary-of-the-webhook";
const NOTIFY: &str = "https://127.0.0.1:9/services/canary-of-the-receiver";

/// Refuses everything in the words in which it was asked.
pub(super) async fn echo() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |uri: Uri, headers: HeaderMap, body: Bytes| {
        let sent = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
        if uri.path() == "/issue" {
            return (StatusCode::OK, axum::Json(serde_json::json!({"access_token": ISSUED, "expires_in": 3600})));
        }
        let (words, encoded) = (String::from_utf8_lossy(&body), STANDARD.encode(sent));
        let said = format!("{sent} ({encoded}) asks {uri} for {words}");
        (StatusCode::BAD_REQUEST, axum::Json(serde_json::json!({"error": "invalid_request", "message": said})))
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

/// A secret in the forms in which the world writes it.
fn forms(secret: &str) -> Vec<String> {
    let form = |secret: &str| reqwest::Url::parse_with_params("http://x.example.com", [("k", secret)]).unwrap();
    let percent = form(secret).query().unwrap()[2..].to_owned();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), percent.clone(), percent.to_lowercase(), hex.to_uppercase(), hex];
    forms.push(secret.replace('&', "&amp;"));
    forms.push(secret.replace('/', "\\/"));
    for text in [secret, &percent] {
        // All that stands in base64 whatever comes before and after it.
        for before in ["", "x", "xy"] {
            let from = (before.len() * 8).div_ceil(6);
            let text = format!("{before}{text}");
            let to = text.len() * 8 / 6;
            forms.extend([STANDARD.encode(&text)[from..to].to_owned(), URL_SAFE.encode(&text)[from..to].to_owned()]);
        }
    }
    forms
}

#[track_caller]
pub(super) fn silent(output: &str, of: &str) {
    let file = "canary-out-of-a-file";
    let place = PLACE.to_lowercase();
    for secret in [SECRET, HOOK, NOTIFY, &NOTIFY[22..], file, TOKEN, ISSUED, PLACE, &place].into_iter().chain(PARTS) {
        for form in forms(secret) {
            assert!(!output.contains(&form), "{of} shows `{form}` of `{secret}`:\n{output}");
        }
    }
}

/// A town whose shops are all of that kind.
pub(super) async fn town() -> Town {
    let mut town = Town::demo().await;
    let echo = echo().await;
    let sources = format!(
        "sources:
  pair:
    kind: openbitum
    url: {echo}
    poll: 50ms
    auth: {{kind: oauth2_client_credentials, token_url: {echo}/token, client_id: {ID}, client_secret: \"${{CLIENT}}\"}}
    webhook: {{order_id: $.id, signature: {{scheme: hmac_hex, header: X-Signature, secret: \"${{HOOK}}\"}}}}
  file:
    kind: openbitum
    url: \"{echo}/${{file:host}}/${{BESIDE}}/${{AROUND}}\"
    auth: {{kind: bearer, token: \"${{file:token}}\"}}
  issued:
    kind: openbitum
    url: {echo}
    poll: 50ms
    auth: {{kind: oauth2_client_credentials, token_url: {echo}/issue, client_id: {ID}, client_secret: \"${{CLIENT}}\"}}
  basic:
    kind: openbitum
    url: {echo}
    poll: 50ms
    auth: {{kind: basic, username: somebody, password: \"${{CLIENT}}\"}}
  query:
    kind: openbitum
    url: {echo}
    poll: 50ms
    auth: {{kind: query, param: key, value: \"${{CLIENT}}\"}}
  name:
    kind: openbitum
    url: \"http://${{PLACE}}.example.invalid\"
    auth: {{kind: header, name: X-Key, value: \"${{HOOK}}\"}}
"
    );
    town.edit("sources:\n", &sources);
    town.home.write("token", "canary-out-of-a-file\n");
    town.home.write("host", &format!("{}\n", PARTS[0]));
    town.home.write(".env", &format!("HOOK={HOOK}\nNOTIFY={NOTIFY}\nBESIDE={}\n", PARTS[1]));
    town.home.set("AROUND", PARTS[2]);
    let text = std::fs::read_to_string(town.home.path("entitlements.yaml")).unwrap();
    town.home.write("entitlements.yaml", &format!("{text}notify: [{{url: \"${{NOTIFY}}\"}}]\n"));
    town.home.set("CLIENT", SECRET);
    town.home.set("ENTITLED_API_TOKEN", TOKEN);
    town.home.set("PLACE", PLACE);
    town
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_hands_back_is_shown_in_no_form() {
    let town = town().await;
    let mut hidden = 0;
    let mut heard = |command: &[&str], ran: crate::support::home::Ran| {
        let all = format!("{}{}", ran.out, ran.err);
        assert!(!all.contains("internal error"), "{all}");
        hidden += usize::from(all.contains("[secret]"));
        silent(&all, &format!("{command:?}"));
    };
    // Most of it is waiting for the one who cannot be reached.
    let looks: [&[&str]; 14] = [
        &["check"],
        &["plan"],
        &["plan", "-o", "json"],
        &["plan", "-o", "diff"],
        &["plan", "-o", "markdown"],
        &["why", "ann@example.com"],
        &["who-has", "role", "paid-tier"],
        &["source", "test", "pair"],
        &["source", "test", "file"],
        &["source", "test", "name"],
        &["source", "test", "basic"],
        &["source", "test", "query"],
        &["source", "test", "issued"],
        &["doctor"],
    ];
    for (command, ran) in town.home.at_once(&looks) {
        heard(command, ran);
    }
    for format in ["text", "json"] {
        let command = ["run", "--once", "--log", "trace", "--log-format", format];
        heard(&command, town.home.entitled(&command));
    }
    assert!(hidden >= 13, "the servers were asked, and handed something back: {hidden}");
    for command in [&["status"][..], &["status", "-o", "json"], &["history", "nobody"]] {
        let ran = town.home.entitled(command);
        silent(&format!("{}{}", ran.out, ran.err), &format!("{command:?}"));
    }
}

/// Logto's own answers.
#[tokio::test(flavor = "multi_thread")]
async fn what_logto_hands_back_is_shown_in_no_form() {
    let echo = echo().await;
    let mut town = Town::demo().await;
    town.edit(town.running.logto_url(), &echo);
    town.home.unset("APP_SECRET");
    town.home.set("APP_SECRET", SECRET);
    let mut hidden = 0;
    for command in [
        &["plan"][..],
        &["plan", "-o", "markdown"],
        &["run", "--once", "--log", "trace"],
        &["apply", "--yes"],
        &["why", "ann@example.com"],
        &["who-has", "role", "paid-tier"],
        &["doctor"],
        &["hooks", "logto", "--url", "https://hooks.example.com/hooks/logto"],
    ] {
        let ran = town.home.entitled(command);
        let all = format!("{}{}", ran.out, ran.err);
        hidden += usize::from(all.contains("[secret]"));
        silent(&all, &format!("{command:?}"));
    }
    assert!(hidden >= 4, "Logto was asked, and handed something back: {hidden}");
}

/// A variable that is named as public is none: who looks at a plan sees what it stands for.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_public_variable_stands_for_is_shown() {
    let mut town = Town::demo().await;
    town.edit("    name: Pro plan\n", "    name: \"${ENTITLED_PUBLIC_NAME}\"\n");
    town.home.set("ENTITLED_PUBLIC_NAME", "Everything for a year");
    let ran = town.home.entitled(&["plan"]).exits(0);
    assert!(ran.out.contains("Everything for a year") && !ran.out.contains("[secret]"), "{}", ran.out);
}
