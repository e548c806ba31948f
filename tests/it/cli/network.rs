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

/// What lies in a folder of certificates may hold up whoever opens it, too.
#[test]
fn a_folder_of_certificates_is_read_and_what_is_no_file_there_holds_nobody_up() {
    let mut home = home_with(&serves(include_bytes!("network/true.der"), include_bytes!("network/leaf-key.der")));
    let folder = home.path("roots");
    std::fs::create_dir(&folder).unwrap();
    home.set("SSL_CERT_FILE", "/nonexistent/roots.pem");
    home.set("SSL_CERT_DIR", "roots");
    home.entitled(&["plan"]).exits(1).complains(&["no CA certificates are found", "SSL_CERT_DIR"]);
    // By the name under which OpenSSL looks for it.
    std::fs::write(folder.join("fd0ce072.0"), include_bytes!("network/ca.pem")).unwrap();
    let ran = home.entitled(&["plan"]).exits(1);
    assert!(!ran.err.to_lowercase().contains("certificate"), "{}", ran.err);
    Strange::Pipe.lies_at(&folder.join("fd0ce073.0"));
    let why = "the CA certificates `roots/fd0ce073.0` cannot be read, so no server can be trusted: it is a named pipe";
    home.entitled(&["plan"]).exits(1).complains(&[why]);
}

/// Each is refused in its words, and sent neither a name nor a secret.
#[test]
fn whoever_shows_no_certificate_that_holds_is_told_nothing() {
    let key = include_bytes!("network/leaf-key.der");
    for (certificate, key, why) in [
        (&include_bytes!("network/localhost.der")[..], &include_bytes!("network/localhost-key.der")[..], "certificate"),
        (include_bytes!("network/other.der"), key, "not valid for name"),
        (include_bytes!("network/expired.der"), key, "expired"),
    ] {
        let mut home = home_with(&serves(certificate, key));
        trust_test_ca(&mut home);
        let ran = home.entitled(&["plan", "--log", "trace"]).exits(1);
        assert!(ran.err.contains(why), "{why}: {}", ran.err);
        assert!(!ran.err.contains("s3cr3t"), "{}", ran.err);
    }
    // The same server with a certificate that holds is asked: it is only no Logto.
    let mut home = home_with(&serves(include_bytes!("network/true.der"), key));
    trust_test_ca(&mut home);
    let ran = home.entitled(&["plan"]).exits(1);
    assert!(!ran.err.to_lowercase().contains("certificate"), "{}", ran.err);
}

/// A server that speaks nothing newer than TLS 1.1.
#[test]
fn an_old_version_of_tls_is_not_spoken() {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut home = home_with(&format!("https://{}", listener.local_addr().unwrap()));
    trust_test_ca(&mut home);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _hello = stream.read(&mut [0; 4_096]);
            // ServerHello of 3.2, with TLS_RSA_WITH_AES_128_CBC_SHA (RFC 4346, 7.4.1.3).
            let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
            hello.extend([7; 32]);
            hello.extend([0, 0, 47, 0]);
            let _refused = stream.write_all(&hello);
            let _closed = stream.read(&mut [0; 64]);
        }
    });
    let ran = home.entitled(&["plan"]).exits(1);
    assert!(ran.err.contains("TLS") || ran.err.contains("peer is incompatible"), "{}", ran.err);
}

fn trust_test_ca(home: &mut Home) {
    home.set("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/network/ca.pem"));
}

/// The address of a server with this certificate that hangs up on whoever believes it.
fn serves(certificate: &'static [u8], key: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || greet_with(&listener, certificate, key));
    format!("https://{address}")
}

/// Shows a certificate that it signed itself to everybody who comes.
fn greet(listener: &TcpListener) {
    greet_with(listener, include_bytes!("network/localhost.der"), include_bytes!("network/localhost-key.der"));
}

fn greet_with(listener: &TcpListener, certificate: &[u8], key: &[u8]) {
    let certificate = CertificateDer::from(certificate.to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
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
