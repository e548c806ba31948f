//! The token: fetched once, replaced in time, and each refusal explained.

use crate::logto::*;
use crate::support::nobody::Nobody;

#[tokio::test]
async fn twenty_first_calls_fetch_one_token() {
    let stub = Stub::start().await;
    stub.populate(1);
    let client = client(&stub);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let reader = client.reader();
        calls.spawn(async move { reader.probe().await });
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap().unwrap();
    }
    assert_eq!(stub.state().tokens, 1);
    assert_eq!(client.calls(), 21);
}

#[tokio::test]
async fn twenty_first_calls_try_a_wrong_secret_once() {
    let stub = Stub::start().await;
    stub.state().secret = "another".into();
    let client = client(&stub);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let reader = client.reader();
        calls.spawn(async move { reader.probe().await });
    }
    while let Some(ended) = calls.join_next().await {
        let error = ended.unwrap().unwrap_err();
        assert!(matches!(&error, LogtoError::WrongSecret { app } if app == "app"), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(stub.state().tokens, 1);
}

#[tokio::test]
async fn a_token_is_replaced_before_it_expires() {
    let stub = Stub::start().await;
    stub.populate(1);
    stub.state().lifetime = 1;
    let reader = client(&stub).reader();
    let mut calls = 0;
    tokio::time::timeout(Duration::from_secs(10), async {
        while stub.state().tokens < 3 {
            reader.probe().await.unwrap();
            calls += 1;
        }
    })
    .await
    .unwrap();
    assert!(calls > 10, "a token served only {calls} calls");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_then_it_is_an_error() {
    let stub = Stub::start().await;
    stub.populate(1);
    let reader = client(&stub).reader();
    reader.probe().await.unwrap();
    stub.state().valid_from = 2;
    reader.probe().await.unwrap();
    assert_eq!(stub.state().tokens, 2);
    stub.state().valid_from = 99;
    let error = reader.probe().await.unwrap_err();
    assert!(matches!(error, LogtoError::Unauthorized { .. }), "{error:?}");
    assert_eq!(stub.state().tokens, 3);
}

#[tokio::test]
async fn each_refusal_of_a_token_says_what_to_mend() {
    let stub = Stub::start().await;
    stub.populate(1);
    let ask = async |change: fn(&mut settings::Logto)| {
        let mut settings = settings(&stub);
        change(&mut settings);
        let error = Client::new(&stub.url, &settings).reader().probe().await.unwrap_err();
        let hint = error.hint().unwrap();
        (error, hint)
    };
    let (error, hint) = ask(|s| s.app_secret = Secret::new("wrong".into())).await;
    assert!(matches!(error, LogtoError::WrongSecret { .. }), "{error:?}");
    assert!(hint.contains("logto.app_secret"), "{hint}");
    let (error, hint) = ask(|s| s.app_id = "nobody".into()).await;
    assert!(matches!(error, LogtoError::UnknownApplication { .. }), "{error:?}");
    assert!(hint.contains("logto.app_id"), "{hint}");
    let (error, hint) = ask(|s| s.app_id = "late".into()).await;
    assert!(matches!(error, LogtoError::ExpiredSecret { .. }), "{error:?}");
    assert!(hint.contains("new secret"), "{hint}");
    let (error, hint) = ask(|s| s.resource.push('/')).await;
    assert!(matches!(error, LogtoError::UnknownResource { .. }), "{error:?}");
    assert!(hint.contains("logto.resource"), "{hint}");
    stub.state().scope = None;
    let (error, hint) = ask(|_| ()).await;
    assert!(matches!(error, LogtoError::Scope { .. }), "{error:?}");
    assert_eq!(hint, "Console > Machine-to-machine > your application > Roles: assign `Logto Management API access`");
    stub.state().scope = Some("small all-but");
    let (error, _) = ask(|_| ()).await;
    assert!(matches!(error, LogtoError::Scope { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_told_as_that() {
    let stub = Stub::start().await;
    let nobody = Nobody::home();
    let free = nobody.url();
    let error = Client::new(&free, &settings(&stub)).reader().probe().await.unwrap_err();
    assert!(matches!(&error, LogtoError::Connect { endpoint, .. } if *endpoint == free), "{error:?}");
    assert!(error.is_transient());
}
