//! Who is who: which letters of an address are the same, and what is shown of letters that nobody sees.

use entitled::model::Email;
use entitled::text::clean;

use crate::support::stage::Stage;

#[test]
fn ascii_letters_fold_and_no_others() {
    let folded = |text: &str| Email::parse(text).unwrap().as_str().to_owned();
    for (one, other, same) in [
        ("Mike@Example.COM", "mike@example.com", true),
        ("mi\u{212a}e@example.com", "mike@example.com", false),
        ("\u{17f}am@example.com", "sam@example.com", false),
        ("STRA\u{1e9e}E@example.com", "stra\u{df}e@example.com", false),
        ("\u{c9}va@example.com", "\u{e9}va@example.com", false),
        ("\u{130}da@example.com", "ida@example.com", false),
        ("\u{ff4d}ike@example.com", "mike@example.com", false),
        ("mike@e\u{445}ample.com", "mike@example.com", false),
        ("mi\u{200b}ke@example.com", "mike@example.com", false),
    ] {
        assert_eq!(folded(one) == folded(other), same, "{one:?} {other:?}");
    }
}

#[test]
fn what_nobody_sees_is_shown() {
    for hidden in [
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{feff}',
        '\u{a0}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{3164}',
        '\u{180e}',
        '\u{fe0f}',
        '\u{e0041}',
        '\u{e0101}',
        '\u{2009}',
        '\u{202f}',
    ] {
        let shown = clean(&format!("mi{hidden}ke@example.com")).into_owned();
        assert_eq!(shown, format!("mi\\u{{{:x}}}ke@example.com", u32::from(hidden)));
    }
}

#[tokio::test]
async fn logto_folds_more_than_an_address_is() {
    let mut stage = Stage::usual().await;
    let mike = stage.logto.add_user("mike@example.com");
    stage.shop.buy(&"prd_pro".into(), "mi\u{212a}e@example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [], "{mike} did not pay");
    assert_eq!(passed.planned.view.summary.waiting, 1);
}
