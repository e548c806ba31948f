//! What was made for one purpose opens nothing else: the token of the API, the secret of a webhook, the cookie of a
//! session, the value of a form.

use entitled::sandbox::{HOOK_SECRET, hook_signature};

use super::hooks::hooked;
use super::{Got, TOKEN, Web};

const BODY: &str = r#"{"event":"order.paid","orderId":"ord_1"}"#;

impl Web {
    async fn with(&self, path: &str, header: &str, value: &str) -> Got {
        self.send(self.client().get(self.url(path)).header(header, value)).await
    }

    /// The cookie that whoever types this gets.
    async fn sign_in(&self, typed: &str) -> Option<String> {
        let request = self.client().post(self.url("/sign-in")).form(&[("token", typed)]);
        let got = self.send(request).await;
        let cookie = got.headers.get("set-cookie")?.to_str().unwrap().to_owned();
        Some(cookie.split(';').next().unwrap().split_once('=').unwrap().1.to_owned())
    }

    async fn signed(&self, header: &str, value: &str) -> u16 {
        let request = self.client().post(self.url("/hooks/shop")).header("x-openbitum-delivery-id", "d");
        self.send(request.header(header, value).body(BODY)).await.status
    }

    /// What a write is answered that shows this as a session and this in its form.
    async fn presses(&self, cookie: &str, form: &str) -> u16 {
        let request = self.client().post(self.url("/actions/reconcile")).header("cookie", session(cookie));
        self.send(request.form(&[("form", form)])).await.status
    }
}

fn session(value: &str) -> String {
    format!("entitled_session={value}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_for_one_purpose_opens_nothing_else() {
    let (live, web) = hooked("1h").await;
    // Each opens what it was made for.
    assert_eq!(web.get("/api/v1/runs").await.status, 200);
    let cookie = web.sign_in(TOKEN).await.expect("the token signs in");
    let page = web.with("/", "cookie", &session(&cookie)).await.body;
    let form = page.split("name=\"form\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(web.presses(&cookie, &form).await < 400);
    let signature = hook_signature(BODY);

    for (what, value) in
        [("webhook secret", HOOK_SECRET), ("signature", &signature), ("session", &cookie), ("form", &form)]
    {
        // Two of the ten tries that an address has.
        let bearer = format!("Bearer {value}");
        assert_eq!(web.with("/api/v1/runs", "authorization", &bearer).await.status, 401, "{what} as the token");
        assert_eq!(web.sign_in(value).await, None, "{what} signs in");
    }
    for (what, value) in [("webhook secret", HOOK_SECRET), ("token", TOKEN), ("form", &form), ("signature", &signature)]
    {
        assert_eq!(web.with("/api/v1/runs", "cookie", &session(value)).await.status, 401, "{what} as a session");
        assert_eq!(web.presses(value, &form).await, 401, "{what} as a session");
    }
    for (what, value) in [("webhook secret", HOOK_SECRET), ("token", TOKEN), ("session", &cookie), ("", "")] {
        assert_eq!(web.presses(&cookie, value).await, 403, "{what} as the value of a form");
    }
    let bearer = format!("Bearer {TOKEN}");
    for (header, value) in [
        ("x-openbitum-signature", TOKEN),
        ("x-openbitum-signature", HOOK_SECRET),
        ("x-openbitum-signature", &cookie),
        ("x-openbitum-signature", &form),
        ("authorization", &bearer),
        ("cookie", &session(&cookie)),
    ] {
        assert_eq!(web.signed(header, value).await, 401, "{header}: {value} on a webhook");
    }
    assert_eq!(web.signed("x-openbitum-signature", &signature).await, 202);
    live.stop().await;
}
