//! A redirect is no answer: whoever is meant by it is told nothing, neither the secret nor a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::logto::*;

/// A server that answers each request line with this. Its address, and how often it was asked.
async fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = vec![0; 16 * 1024];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let answer = answer(&String::from_utf8_lossy(&request[..read]));
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn no_redirect_of_logto_is_followed() {
    let stub = Stub::start().await;
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for gives_a_token in [false, true] {
            let (elsewhere, told) = server(|_| ok("[]")).await;
            let answer = move |request: &str| {
                if gives_a_token && request.starts_with("POST /oidc/token") {
                    return ok(r#"{"access_token": "t", "expires_in": 3600, "token_type": "Bearer", "scope": "all"}"#);
                }
                let path = request.split(' ').nth(1).unwrap_or_default();
                format!(
                    "HTTP/1.1 {status}\r\nlocation: {elsewhere}{path}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
            };
            let (url, asked) = server(answer).await;
            let error = Client::new(&url, &settings(&stub)).reader().probe().await.unwrap_err();
            assert!(error.hint().is_some(), "{error}");
            let least = if gives_a_token { 2 } else { 1 };
            assert!(asked.load(Ordering::SeqCst) >= least, "{status}");
            assert_eq!(told.load(Ordering::SeqCst), 0, "{status}, with a token: {gives_a_token}");
        }
    }
}
