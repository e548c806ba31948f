//! Any headers and any body as a webhook, by every scheme: what is taken carries the signature of just these bytes,
//! what is signed is taken, and one changed bit of it is not.
//!
//! The signatures are made here again, from the vendors' pages, and not by the code that verifies them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entitled::config::settings::source::{DeliveryId, Scheme, Signature, Webhook};
use entitled::secret::Secret;
use entitled::source::webhook::{Refusal, is_hmac_hex, verify};
use entitled::web::understood;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde_json_path::JsonPath;

const KEY: &str = "key-one";
const WHSEC: &str = "whsec_a2V5LW9uZQ==";
/// When everything arrives.
const AT: i64 = 1_795_327_969;
const SCHEMES: [(Scheme, &str, &str); 6] = [
    (Scheme::HmacHex, "x-signature", ""),
    (Scheme::HmacHex, "btcpay-sig", "sha256="),
    (Scheme::HmacBase64, "x-hmac", ""),
    (Scheme::Stripe, "stripe-signature", ""),
    (Scheme::Paddle, "paddle-signature", ""),
    (Scheme::StandardWebhooks, "webhook-signature", ""),
];

/// The target `webhook`: `name: value` in lines, an empty line, the body.
pub(crate) fn fuzz(bytes: &[u8]) {
    let (headers, body) = parted(bytes);
    let headers = parsed(headers);
    for (scheme, header, prefix) in SCHEMES {
        let webhook = webhook(scheme, header, prefix);
        if let Ok(verified) = judged(&webhook, &headers, body) {
            assert!(carries(scheme, &headers, header, body), "{scheme:?} takes {headers:?} of {body:?}");
            assert!(verified.orders.len() <= 100, "{} orders of one webhook", verified.orders.len());
        }
        let genuine = signed(scheme, header, prefix, &headers, body);
        let verdict = judged(&webhook, &genuine, body);
        assert!(matches!(verdict, Ok(_) | Err(Refusal::NotJson)), "{scheme:?}: {verdict:?} of {genuine:?} {body:?}");
        let verdict = judged(&webhook, &genuine, &with_one_bit_changed(body));
        assert_eq!(verdict, Err(Refusal::Mismatch), "{scheme:?}: {genuine:?} {body:?}");
    }
    // Nothing says who sent this: it is read, or it is no JSON.
    let open = Webhook { signature: Signature::None, ..webhook(Scheme::HmacHex, "", "") };
    let verdict = judged(&open, &headers, body);
    assert!(matches!(verdict, Ok(_) | Err(Refusal::NotJson)), "{verdict:?} of {headers:?} {body:?}");
    // Logto's own.
    let sent = headers.get("logto-signature-sha-256").and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let genuine = sent.eq_ignore_ascii_case(&hex(&[body]));
    assert_eq!(is_hmac_hex(&Secret::new(KEY.to_owned()), body, sent), genuine, "{sent:?} of {body:?}");
    let _read_or_no_json = understood(body);
}

fn webhook(scheme: Scheme, header: &str, prefix: &str) -> Webhook {
    let path = |path| JsonPath::parse(path).into_iter();
    let key = if scheme == Scheme::StandardWebhooks { WHSEC } else { KEY };
    Webhook {
        events: Vec::new(),
        ping: None,
        challenge: Vec::new(),
        order_id: path("$.orderId").chain(path("$.ids[*]")).collect(),
        delivery_id: Some(DeliveryId::Body(path("$.id").collect())),
        signature: Signature::Signed {
            scheme,
            header: header.to_owned(),
            prefix: prefix.to_owned(),
            secret: Secret::new(key.to_owned()),
            tolerance: SignedDuration::from_mins(5),
        },
    }
}

fn judged(webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Result<entitled::source::webhook::Verified, Refusal> {
    verify(webhook, headers, body, Timestamp::from_second(AT).unwrap_or_default())
}

/// Whether some header holds the signature of this body, and, where times are signed, of a time in it.
fn carries(scheme: Scheme, headers: &HeaderMap, header: &str, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let sent = text(header);
    let times = || sent.split([',', ';']).filter_map(|part| part.split_once('=')).map(|(_, value)| value.trim());
    match scheme {
        Scheme::HmacHex => sent.to_lowercase().contains(&hex(&[body])),
        Scheme::HmacBase64 => sent.contains(&base64(&[body])),
        Scheme::Stripe => times().any(|at| sent.to_lowercase().contains(&hex(&[at.as_bytes(), b".", body]))),
        Scheme::Paddle => times().any(|at| sent.to_lowercase().contains(&hex(&[at.as_bytes(), b":", body]))),
        Scheme::StandardWebhooks => {
            let (id, at) = (text("webhook-id"), text("webhook-timestamp"));
            sent.contains(&base64(&[id.trim().as_bytes(), b".", at.trim().as_bytes(), b".", body]))
        }
    }
}

/// The headers, with a signature of this body over whatever stood in its place.
fn signed(scheme: Scheme, header: &'static str, prefix: &str, headers: &HeaderMap, body: &[u8]) -> HeaderMap {
    let at = AT.to_string();
    let value = match scheme {
        Scheme::HmacHex => format!("{prefix}{}", hex(&[body])),
        Scheme::HmacBase64 => format!("{prefix}{}", base64(&[body])),
        Scheme::Stripe => format!("t={at},v1={}", hex(&[at.as_bytes(), b".", body])),
        Scheme::Paddle => format!("ts={at};h1={}", hex(&[at.as_bytes(), b":", body])),
        Scheme::StandardWebhooks => format!("v1,{}", base64(&[b"msg_1.", at.as_bytes(), b".", body])),
    };
    let mut headers = headers.clone();
    for (name, value) in [(header, value), ("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", at)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

fn with_one_bit_changed(body: &[u8]) -> Vec<u8> {
    let mut changed = body.to_vec();
    match changed.len() / 2 {
        0 if changed.is_empty() => changed.push(b' '),
        middle => changed[middle] ^= 1,
    }
    changed
}

fn parted(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, b""),
    }
}

/// What cannot be a header never comes so far.
fn parsed(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn tag(parts: &[&[u8]]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), &parts.concat())
}

fn hex(parts: &[&[u8]]) -> String {
    tag(parts).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(parts: &[&[u8]]) -> String {
    STANDARD.encode(tag(parts))
}
