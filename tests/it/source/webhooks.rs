//! Signatures of every scheme, against values that were computed apart from this program.

use entitled::config::settings::source::{About, DeliveryId, EventRule, Scheme, Signature, Webhook};
use entitled::secret::Secret;
use entitled::source::webhook::{Greeting, Refusal, Verified, greeting, verify};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json_path::JsonPath;

// Python's `hmac` over this body with the key `key-one`, at the time below.
const BODY: &str = r#"{"event":"order.paid","orderId":"ord_1","id":"evt_1"}"#;
const AT: i64 = 1_795_327_969;
const HEX: &str = "60fd8a6fb5c80e748017c33dbfcb663b501e4823c5813801af5ab52b1c33a156";
const BASE64: &str = "YP2Kb7XIDnSAF8M9v8tmO1AeSCPFgTgBr1q1KxwzoVY=";
const STRIPE: &str = "09b7eaec322845728526c4c89afb74418b1d9108e238586c9c3a4d553806cc3e";
const PADDLE: &str = "bbf9dc3f091f80524a7b652db622b91d6e5ef4339adcbcf6cc5fb98a978c2f58";
/// With the key in [`WHSEC`] and the id `msg_1`.
const STANDARD: &str = "B15Eoxeh8cz7m0mWnCISWI/dui+wdoh05zbeki8z3oQ=";
const WHSEC: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// Of the same, with the key `key-two`.
const OTHER_HEX: &str = "7dc8569c00e6cb784fa8b9b7126864e5de80e025417ea52c097da46e0ffa2e7e";
const OTHER_STRIPE: &str = "6ec472cfad423938fdb26da29c2a05fcb16d0064e6659a52cc84b614ba0851ef";

fn hooked(scheme: Scheme, header: &str, prefix: &str, key: &str) -> Webhook {
    let (header, prefix, secret) = (header.to_owned(), prefix.to_owned(), Secret::new(key.to_owned()));
    Webhook {
        events: Vec::new(),
        ping: None,
        challenge: Vec::new(),
        order_id: vec![JsonPath::parse("$.orderId").unwrap()],
        delivery_id: Some(DeliveryId::Body(vec![JsonPath::parse("$.id").unwrap()])),
        signature: Signature::Signed { scheme, header, prefix, secret, tolerance: SignedDuration::from_mins(5) },
    }
}

fn sent(headers: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    headers.iter().map(pair).collect()
}

fn judged(webhook: &Webhook, headers: &[(&str, &str)], body: &str, after: i64) -> Result<Verified, Refusal> {
    verify(webhook, &sent(headers), body.as_bytes(), Timestamp::from_second(AT + after).unwrap())
}

type Headers = Vec<(&'static str, String)>;

/// A scheme, its genuine headers, and whether it knows a time.
fn all() -> Vec<(Webhook, Headers, bool)> {
    let standard = vec![
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", AT.to_string()),
        ("webhook-signature", format!("v1,{STANDARD}")),
    ];
    vec![
        (hooked(Scheme::HmacHex, "x-signature", "", "key-one"), vec![("x-signature", HEX.to_owned())], false),
        (
            hooked(Scheme::HmacHex, "btcpay-sig", "sha256=", "key-one"),
            vec![("btcpay-sig", format!("sha256={HEX}"))],
            false,
        ),
        (hooked(Scheme::HmacBase64, "x-hmac", "", "key-one"), vec![("x-hmac", BASE64.to_owned())], false),
        (
            hooked(Scheme::Stripe, "stripe-signature", "", "key-one"),
            vec![("stripe-signature", format!("t={AT},v1={STRIPE}"))],
            true,
        ),
        (
            hooked(Scheme::Paddle, "paddle-signature", "", "key-one"),
            vec![("paddle-signature", format!("ts={AT};h1={PADDLE}"))],
            true,
        ),
        (hooked(Scheme::StandardWebhooks, "webhook-signature", "", WHSEC), standard, true),
    ]
}

fn refs<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn what_is_genuine_names_its_order_and_its_delivery() {
    for (webhook, headers, _) in all() {
        let verified = judged(&webhook, &refs(&headers), BODY, 0);
        let wanted = Verified { orders: vec!["ord_1".into()], polls: false, delivery: Some("evt_1".to_owned()) };
        assert_eq!(verified, Ok(wanted), "{headers:?}");
    }
}

/// Signed with the key `key-one` by Python's `hmac`.
#[test]
fn half_an_emoji_and_a_number_without_bounds_hide_no_order() {
    let body = r#"{"event":"order.paid","orderId":"ord_1","id":"evt_1","note":"\ud83d","amount":1e400}"#;
    let signed = "bc0aa6e1601a4812e78612a5f3f98c70c9893816d4a902a415428d08f54664f4";
    let webhook = hooked(Scheme::HmacHex, "x-signature", "", "key-one");
    let wanted = Verified { orders: vec!["ord_1".into()], polls: false, delivery: Some("evt_1".to_owned()) };
    assert_eq!(judged(&webhook, &[("x-signature", signed)], body, 0), Ok(wanted));
}

#[test]
fn one_changed_byte_of_the_body_is_found() {
    for (webhook, headers, _) in all() {
        let changed = BODY.replace("ord_1", "ord_2");
        assert_eq!(judged(&webhook, &refs(&headers), &changed, 0), Err(Refusal::Mismatch), "{headers:?}");
        // The same JSON in other bytes is another body.
        let spaced = BODY.replace("\":\"", "\": \"");
        assert_eq!(judged(&webhook, &refs(&headers), &spaced, 0), Err(Refusal::Mismatch), "{headers:?}");
    }
}

#[test]
fn another_key_opens_nothing() {
    for (webhook, headers, _) in all() {
        let Signature::Signed { scheme, header, prefix, tolerance, .. } = &webhook.signature else { panic!() };
        let other = Signature::Signed {
            scheme: *scheme,
            header: header.clone(),
            prefix: prefix.clone(),
            secret: Secret::new("key-two".to_owned()),
            tolerance: *tolerance,
        };
        let other = Webhook { signature: other, ..webhook.clone() };
        assert_eq!(judged(&other, &refs(&headers), BODY, 0), Err(Refusal::Mismatch), "{headers:?}");
    }
}

#[test]
fn what_is_no_signature_is_refused_whatever_its_length() {
    for (webhook, headers, _) in all() {
        let (name, genuine) = headers.last().unwrap().clone();
        let without: Vec<_> = refs(&headers).into_iter().filter(|(header, _)| *header != name).collect();
        assert_eq!(judged(&webhook, &without, BODY, 0), Err(Refusal::Unsigned(name.to_owned())));
        let start = genuine.rfind(['=', ',']).filter(|at| genuine.len() - at > 40).map_or(0, |at| at + 1);
        let shapes = [
            String::new(),
            "x".to_owned(),
            genuine[..genuine.len() - 2].to_owned(),
            format!("{}ab", &genuine[..genuine.len() - 1]),
            genuine[..start].to_owned(),
            format!("{}{}", &genuine[..start], "0".repeat(64)),
            format!("{}{}", &genuine[..start], "0".repeat(1_000)),
        ];
        for shape in shapes {
            let mut headers = without.clone();
            headers.push((name, &shape));
            let verdict = judged(&webhook, &headers, BODY, 0);
            let refused = matches!(verdict, Err(Refusal::Malformed(_) | Refusal::Mismatch));
            assert!(refused, "{name}: {shape:?}: {verdict:?}");
        }
    }
}

#[test]
fn what_was_signed_long_ago_or_later_is_refused() {
    for (webhook, headers, timed) in all() {
        for (after, fresh) in [(300, true), (-300, true), (301, false), (-301, false), (86_400, false)] {
            let verdict = judged(&webhook, &refs(&headers), BODY, after);
            if timed && !fresh {
                assert_eq!(verdict, Err(Refusal::Stale(AT)), "{headers:?} {after}");
            } else {
                assert!(verdict.is_ok(), "{headers:?} {after}: {verdict:?}");
            }
        }
    }
}

#[test]
fn a_signed_time_cannot_be_moved() {
    let stripe = hooked(Scheme::Stripe, "stripe-signature", "", "key-one");
    let later = AT + 1_000;
    let moved = format!("t={later},v1={STRIPE}");
    assert_eq!(judged(&stripe, &[("stripe-signature", &moved)], BODY, 1_000), Err(Refusal::Mismatch));
}

#[test]
fn while_a_secret_is_rolled_one_of_several_signatures_is_enough() {
    let stripe = hooked(Scheme::Stripe, "stripe-signature", "", "key-one");
    let both = format!("t={AT},v1={OTHER_STRIPE},v1={STRIPE},v0={OTHER_STRIPE}");
    assert!(judged(&stripe, &[("stripe-signature", &both)], BODY, 0).is_ok());
    let old = format!("t={AT},v0={STRIPE},v1={OTHER_STRIPE}");
    assert_eq!(judged(&stripe, &[("stripe-signature", &old)], BODY, 0), Err(Refusal::Mismatch), "v0 is no signature");

    let standard = hooked(Scheme::StandardWebhooks, "webhook-signature", "", WHSEC);
    let at = AT.to_string();
    let both = format!("v1,{BASE64} v1a,{STANDARD} v1,{STANDARD}");
    let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", at.as_str()), ("webhook-signature", both.as_str())];
    assert!(judged(&standard, &headers, BODY, 0).is_ok());
    // Endless ones are not all tried.
    let many = format!("t={AT}{},v1={STRIPE}", format!(",v1={OTHER_STRIPE}").repeat(100));
    assert_eq!(judged(&stripe, &[("stripe-signature", &many)], BODY, 0), Err(Refusal::Mismatch));
}

#[test]
fn a_prefix_is_part_of_the_form() {
    let btcpay = hooked(Scheme::HmacHex, "btcpay-sig", "sha256=", "key-one");
    let bare = judged(&btcpay, &[("btcpay-sig", HEX)], BODY, 0);
    assert_eq!(bare, Err(Refusal::Malformed("btcpay-sig".to_owned())));
    let upper = HEX.to_uppercase();
    let plain = hooked(Scheme::HmacHex, "x-signature", "", "key-one");
    assert!(judged(&plain, &[("x-signature", &upper)], BODY, 0).is_ok(), "hex is hex in either case");
    assert_eq!(judged(&plain, &[("x-signature", OTHER_HEX)], BODY, 0), Err(Refusal::Mismatch));
}

#[test]
fn what_is_unsigned_is_read_and_a_form_is_too() {
    let open = Webhook {
        events: Vec::new(),
        ping: None,
        challenge: Vec::new(),
        order_id: vec![JsonPath::parse("$.sale_id").unwrap(), JsonPath::parse("$.ids[*]").unwrap()],
        delivery_id: Some(DeliveryId::Header("x-delivery".to_owned())),
        signature: Signature::None,
    };
    let form = [("content-type", "application/x-www-form-urlencoded"), ("x-delivery", "d1")];
    let read = judged(&open, &form, "sale_id=a%2Bb&email=x%40example.com", 0).unwrap();
    assert_eq!(read, Verified { orders: vec!["a+b".into()], polls: false, delivery: Some("d1".to_owned()) });
    let several = judged(&open, &[], r#"{"ids":[7,"x",7,null,{"a":1}," "]}"#, 0).unwrap();
    assert_eq!(several, Verified { orders: vec!["7".into(), "x".into()], polls: false, delivery: None });
    assert_eq!(judged(&open, &[], "not json", 0), Err(Refusal::NotJson));
    assert_eq!(judged(&open, &[], "{}", 0).unwrap().orders, []);
}

fn rule(when: &str, about: About) -> EventRule {
    EventRule { when: JsonPath::parse(&format!("$[?{when}]")).unwrap(), about, list: None }
}

#[test]
fn an_event_is_about_what_the_first_rule_that_fits_it_says() {
    let path = |path| vec![JsonPath::parse(path).unwrap()];
    let webhook = |order_id| Webhook {
        events: vec![
            rule("match(@.type, 'order[.].*')", About::Orders(path("$.data.id"))),
            rule("match(@.type, 'refund[.].*')", About::Orders(path("$.data.order_id"))),
            rule("match(@.type, '(subscription|customer)[.].*')", About::Source),
        ],
        order_id,
        signature: Signature::None,
        ..hooked(Scheme::HmacHex, "", "", "")
    };
    let fallback = webhook(path("$.order"));
    for (kind, orders, polls) in [
        ("order.paid", vec!["x"], false),
        ("refund.created", vec!["y"], false),
        ("subscription.updated", vec![], true),
        ("customer.deleted", vec![], true),
        ("orders.paid", vec!["z"], false),
        ("", vec!["z"], false),
    ] {
        let body = format!(r#"{{"type":"{kind}","data":{{"id":"x","order_id":"y"}},"order":"z"}}"#);
        let read = judged(&fallback, &[], &body, 0).unwrap();
        assert_eq!((read.orders, read.polls), (orders.into_iter().map(Into::into).collect(), polls), "{kind}");
    }
    let read = judged(&webhook(Vec::new()), &[], r#"{"type":"benefit.updated","data":{"id":"x"}}"#, 0).unwrap();
    assert_eq!((read.orders, read.polls), (vec![], false), "what no rule names is about nothing");
}

#[test]
fn a_question_whether_somebody_listens_is_told_from_a_delivery() {
    let asks = Webhook {
        ping: Some(JsonPath::parse("$[?@.webhook_id]").unwrap()),
        challenge: vec![JsonPath::parse("$.challenge").unwrap()],
        ..hooked(Scheme::HmacBase64, "x-wc-webhook-signature", "", "key-one")
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let signed = ("x-wc-webhook-signature", BASE64);
    let told = Some(Greeting::Challenge("3eZbrw1aBm".to_owned()));
    for (webhook, headers, body, expected) in [
        (&asks, vec![form], "webhook_id=2", Some(Greeting::Ping)),
        (&asks, vec![], r#"{"webhook_id":2}"#, Some(Greeting::Ping)),
        (&asks, vec![], r#"{"type":"url_verification","challenge":"3eZbrw1aBm"}"#, told),
        (&asks, vec![form, signed], "webhook_id=2", None),
        (&asks, vec![signed], r#"{"challenge":"3eZbrw1aBm"}"#, None),
        (&asks, vec![form], "id=2", None),
        (&asks, vec![], "webhook_id=2", None),
        (&asks, vec![], r#"{"challenge":{"a":1}}"#, None),
        (&hooked(Scheme::HmacHex, "x-signature", "", "key-one"), vec![form], "webhook_id=2", None),
    ] {
        assert_eq!(greeting(webhook, &sent(&headers), body.as_bytes()), expected, "{headers:?} {body}");
    }
}

/// Standard Webhooks decodes what follows `whsec_`; Polar signs with the whole text.
#[test]
fn a_secret_of_standard_webhooks_counts_decoded_and_as_it_is_written() {
    let text = "whsec_a2V5LW9uZQ==";
    let decoded = hooked(Scheme::StandardWebhooks, "webhook-signature", "", text);
    for key in [b"key-one".as_slice(), text.as_bytes()] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        let tag = ring::hmac::sign(&key, format!("msg_1.{AT}.{{}}").as_bytes());
        let signature = format!("v1,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag));
        let time = AT.to_string();
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
        assert!(judged(&decoded, &headers, "{}", 0).is_ok(), "{key:?}");
        assert_eq!(judged(&decoded, &headers, "{ }", 0), Err(Refusal::Mismatch));
    }
}
