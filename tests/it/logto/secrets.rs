//! What is shown nowhere.

use std::io;
use std::sync::{Arc, Mutex};

use crate::logto::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_no_token_and_no_address_in_any_log_or_debug() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With only one subscriber alive, tracing lets whichever test reaches a log line first decide for all
    // threads whether anybody listens to it.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let stub = Stub::start().await;
    let users = stub.populate(150);
    hold(&stub, &users);
    let client = client(&stub);
    let reader = client.reader();
    let mut shown = vec![format!("{:?}", settings(&stub))];
    reader.role_holders(&paid(), None).await.unwrap();
    reader.users_by_email(&[Email::parse("u00001@example.com").unwrap()]).await.unwrap();
    stub.fault(Fault::Echo(418), 1, "POST", "/oidc/token");
    stub.state().valid_from = 99;
    shown.push(format!("{:?}", reader.probe().await.unwrap_err()));
    stub.state().valid_from = 0;
    // One look-up that is refused is told of in the log alone.
    stub.fault(Fault::Echo(422), 1, "GET", "/api/users");
    reader.users_by_email(&[Email::parse("u00001@example.com").unwrap()]).await.unwrap();
    stub.fault(Fault::Echo(418), 1, "GET", "/api/users");
    shown.push(format!("{:?}", reader.users_by_id(&users).await.unwrap_err()));
    stub.fault(Fault::Drop, 99, "GET", "/api/users");
    let dropped = reader.users_by_email(&[Email::parse("u00001@example.com").unwrap()]).await.unwrap_err();
    shown.push(format!("{dropped:?} {dropped} {:?}", std::error::Error::source(&dropped)));
    let outcome = client.writer().grant_role(&paid(), &users).await;
    shown.push(format!("{client:?} {reader:?} {:?} {outcome:?}", client.writer()));

    let logs = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(logs.contains("/api/roles/paid/users") && logs.contains("/oidc/token"), "nothing was captured");
    for line in [
        "curl -sS -X POST 'http://127.0.0.1:",
        "/oidc/token' -u \"$LOGTO_M2M_APP_ID:$LOGTO_M2M_APP_SECRET\"",
        "/api/roles/paid/users?page=1&page_size=100' -H \"Authorization: Bearer $LOGTO_TOKEN\"",
        " --data '{\"userIds\":[\"",
    ] {
        assert!(logs.contains(line), "no call is shown with `{line}`");
    }
    for text in shown.iter().chain([&logs]) {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("token-number-"), "{text}");
        assert!(!text.contains("u00001@") && !text.contains("u00001%40"), "{text}");
    }
}
