//! Deliveries of a real Logto, and of our own making: the signature of each is verified.

use entitled::secret::Secret;
use entitled::source::webhook::is_hmac_hex;
use serde_json::Value;

#[test]
fn a_delivery_is_verified_by_its_raw_bytes() {
    // Python's `hmac` over these bytes.
    let key = Secret::new("a-key-of-a-webhook-in-the-console".to_owned());
    let body = r#"{"event":"User.Created","createdAt":"2026-11-22T06:12:49.956Z","params":{},"data":{"id":"user_1"}}"#;
    assert!(is_hmac_hex(&key, body.as_bytes(), SIGNATURE));
    assert!(!is_hmac_hex(&key, body.replace("user_1", "user_2").as_bytes(), SIGNATURE));
    assert!(!is_hmac_hex(&Secret::new("another".to_owned()), body.as_bytes(), SIGNATURE));
    assert!(!is_hmac_hex(&key, body.as_bytes(), &SIGNATURE[..62]));
    assert!(!is_hmac_hex(&key, body.as_bytes(), ""));
}

const SIGNATURE: &str = "7df91c889b0caf082859989bf2b82e9af9121ae0d46b62a5737c6b9f0ff4399e";

/// Every recorded delivery, each with the key it was signed with.
#[test]
#[ignore = "needs recordings: `ENTITLED_CONTRACT` names their folder"]
fn every_recorded_delivery_verifies() {
    let folder = std::env::var("ENTITLED_CONTRACT").expect("`ENTITLED_CONTRACT` is set");
    let path = std::path::Path::new(&folder).join("logto/hooks.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut events = std::collections::BTreeSet::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let key = Secret::new(row["signing_key"].as_str().unwrap().to_owned());
        let (body, sent) = (row["raw_body"].as_str().unwrap(), &row["headers"]["logto-signature-sha-256"]);
        assert!(is_hmac_hex(&key, body.as_bytes(), sent.as_str().unwrap()), "{line}");
        let changed = body.replacen("event", "Event", 1);
        assert!(!is_hmac_hex(&key, changed.as_bytes(), sent.as_str().unwrap()), "{line}");
        let delivery = entitled::web::understood(body.as_bytes()).expect("it is JSON");
        let event = serde_json::from_str::<Value>(body).unwrap()["event"].as_str().unwrap().to_owned();
        // Suspending a user changes nothing here, and the organization of the recordings is managed by nobody.
        let quiet = ["User.SuspensionStatus.Updated", "Organization.Membership.Updated"].contains(&event.as_str());
        assert_eq!(delivery.is_none(), quiet, "{event}");
        events.insert(event);
    }
    assert!(events.len() > 8, "{events:?}");
}
