//! Secrets that anybody could know are refused where they would guard something.

use crate::support::home::{Home, demo_file};

#[test]
fn no_daemon_starts_with_a_token_that_can_be_guessed() {
    let weak = ["replace-me", "fifteen-letters", "x"].map(|token| ("ENTITLED_API_TOKEN", token));
    for (name, token) in weak.into_iter().chain([("ENTITLED_PREVIEW_TOKEN", "fifteen-letters")]) {
        let mut home = Home::demo();
        home.set(name, token);
        let ran = home.entitled(&["run", "--listen", "127.0.0.1:0"]).exits(1);
        ran.complains(&[&format!("`{name}` has fewer than 16 characters"), "hint: ", "openssl rand"]);
        let doctor = home.entitled(&["doctor"]).out;
        assert!(doctor.contains("fewer than 16 characters"), "{doctor}");
        // Whatever serves nothing has nothing to guard.
        home.entitled(&["plan"]).exits(0);
    }
}

#[test]
fn a_blank_secret_and_the_placeholder_of_the_examples_are_refused() {
    let shop = "    kind: openbitum\n    url: https://api.example.com\n    webhook: {}\n    \
                auth: {kind: bearer, token: \"${OPENBITUM_TOKEN}\"}\n";
    let text = demo_file().replace("    kind: sandbox\n", shop);
    for (secret, says) in [("", "is empty"), (" \t", "is empty"), ("replace-me", "is the placeholder of the examples")]
    {
        let mut home = Home::new();
        home.write("entitlements.yaml", &text);
        home.set("OPENBITUM_TOKEN", "a-token-of-some-length");
        home.set("GLUE_OUTBOUND_WEBHOOK_SECRET", secret);
        home.entitled(&["check"]).exits(1).complains(&["the secret `secret`", says]);
    }
    let mut home = Home::new();
    home.write("entitlements.yaml", &text);
    home.set("OPENBITUM_TOKEN", "a-token-of-some-length");
    home.set("GLUE_OUTBOUND_WEBHOOK_SECRET", "a-secret-of-some-length");
    home.entitled(&["check"]).exits(0);
}
