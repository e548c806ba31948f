//! The network as the environment has it: proxies that are named, certificates that are not there.

use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::support::home::{Home, Town};
use crate::support::strange::Strange;

/// Nothing listens there.
const DEAD: &str = "http://keeper:s3cr3t-of-a-proxy@127.0.0.1:9";

/// Each scheme is named, as a machine behind a proxy has them.
fn behind(home: &mut Home, proxy: &str) {
    for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        home.set(name, proxy);
    }
}

fn without_certificates(home: &mut Home) {
    home.set("SSL_CERT_FILE", "/nonexistent/roots.pem");
    home.set("SSL_CERT_DIR", "/nonexistent");
}

/// A file with Logto there, and orders that are read from a file.
fn file(endpoint: &str) -> String {
    format!(
        "version: 1
logto: {{endpoint: \"{endpoint}\", app_id: app, app_secret: \"${{APP_SECRET}}\"}}
sources: {{shop: {{kind: file, path: orders.json}}}}
prune: owned
products: {{prd_pro: {{entitlements: [{{role: paid-tier}}]}}}}
"
    )
}

fn home_with(endpoint: &str) -> Home {
    let mut home = Home::new();
    home.set("APP_SECRET", "s3cr3t-of-the-app");
    home.write("entitlements.yaml", &file(endpoint));
    home.write("orders.json", "[]");
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_asked_without_a_proxy() {
    let mut town = Town::demo().await;
    behind(&mut town.home, DEAD);
    town.home.entitled(&["plan"]).exits(0);
    let mut home = Home::demo();
    behind(&mut home, DEAD);
    home.entitled(&["run", "--once"]).exits(0);
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    for endpoint in ["http://logto.example.com", "https://logto.example.com"] {
        let mut home = home_with(endpoint);
        behind(&mut home, DEAD);
        let ran = home.entitled(&["plan"]).exits(1).complains(&["through the proxy `http://127.0.0.1:9`", "NO_PROXY"]);
        assert!(!ran.err.contains("s3cr3t"), "{}", ran.err);
    }
}

#[test]
fn a_machine_without_certificates_can_do_what_needs_none() {
    let mut home = Home::demo();
    without_certificates(&mut home);
    home.entitled(&["run", "--once"]).exits(0);
    home.entitled(&["status"]).exits(0);
    home.entitled(&["check"]).exits(0);
}

#[test]
fn a_machine_without_certificates_believes_nobody_and_says_what_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || greet(&listener));
    let mut home = home_with(&format!("https://{address}"));
    without_certificates(&mut home);
    let ran = home.entitled(&["plan"]).exits(1);
    let ran = ran.complains(&["no CA certificates are found on this machine", "SSL_CERT_FILE"]);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn certificates_that_are_no_file_hold_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || greet(&listener));
    let mut home = home_with(&format!("https://{address}"));
    Strange::Pipe.lies_at(&home.path("roots.pem"));
    home.set("SSL_CERT_FILE", "roots.pem");
    let why = "the CA certificates `roots.pem` cannot be read, so no server can be trusted: it is a named pipe";
    home.entitled(&["plan"]).exits(1).complains(&[why, "set `SSL_CERT_FILE`"]);
}

/// Shows a certificate that it signed itself to everybody who comes.
fn greet(listener: &TcpListener) {
    let certificate = CertificateDer::from(include_bytes!("network/localhost.der").to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(include_bytes!("network/localhost-key.der").to_vec()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    for stream in listener.incoming() {
        let mut server = ServerConnection::new(Arc::clone(&config)).unwrap();
        let _refused = server.complete_io(&mut stream.unwrap());
    }
}

#[test]
fn a_disk_that_is_full_of_its_log_ends_no_run() {
    for arguments in [&["run", "--once", "--log", "debug"][..], &["plan", "--log", "debug"], &["status"]] {
        let home = Home::demo();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = home.command(env!("CARGO_BIN_EXE_entitled"));
        let status = command.args(arguments).stdout(std::process::Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_process_that_may_open_nothing_says_so() {
    let home = Home::demo();
    let mut command = home.command("/bin/sh");
    let program = env!("CARGO_BIN_EXE_entitled");
    let output = command.args(["-c", &format!("ulimit -n 4; exec {program} check")]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("ulimit"), "{err}");
}
