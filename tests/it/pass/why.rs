//! Why somebody holds something, and who holds it: what is explained is what a pass then does.

use entitled::model::{Email, UserId};
use entitled::pass::PassScope;
use entitled::pass::explain::{Whom, WhyError, why};
use entitled::pass::holders::who_has;
use entitled::planner::input::Presence;
use entitled::report::{Explanation, Outcome, Owner, TargetWhy, Wanted, holders_text, why_text};
use entitled::text::Color;
use jiff::SignedDuration;

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};

async fn asked(stage: &Stage, text: &str) -> Result<Explanation, WhyError> {
    let unread = std::collections::BTreeSet::new();
    let context = stage.active.context(&stage.store, &unread, &|_, _, _| {}, stage.now());
    why(context, &Whom::parse(text).unwrap()).await
}

async fn explained(stage: &Stage, text: &str) -> Explanation {
    asked(stage, text).await.unwrap()
}

fn on<'a>(why: &'a Explanation, target: &str) -> &'a TargetWhy {
    why.targets.iter().find(|one| one.target == target).unwrap_or_else(|| panic!("no `{target}` in {why:#?}"))
}

fn sentence(target: &TargetWhy) -> &str {
    match &target.outcome {
        Outcome::Rests { sentence } | Outcome::Forgets { sentence } => sentence,
        other => panic!("{other:?}"),
    }
}

const LASTING: &str = "
products:
  prd_pro: {name: Pro, entitlements: [role: paid-tier], valid_for: 30d, grace: 3d}
  prd_beta: {entitlements: [role: beta]}
";

#[tokio::test]
async fn the_chain_leads_from_the_order_to_the_line_and_to_what_a_pass_does() {
    let mut stage = Stage::of(&file("owned", NO_LIMITS, LASTING)).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.ahead = SignedDuration::from_mins(30);
    stage.poll().await.unwrap();
    let before = explained(&stage, "ann@example.com").await;
    let role = on(&before, "role paid-tier");
    let [one] = role.orders.as_slice() else { panic!("{role:#?}") };
    assert_eq!((one.order.as_str(), one.source.as_str()), (order.as_str(), "shop"));
    assert_eq!((one.product.as_str(), one.product_name.as_str()), ("prd_pro", "Pro"));
    let text = file("owned", NO_LIMITS, LASTING);
    assert!(text.lines().nth(one.line as usize - 1).unwrap().contains("role: paid-tier"));
    assert!(one.paid_at.is_some() && one.sentence.starts_with("entitles; expires in 29 d 23 h (20"), "{one:?}");
    assert_eq!((role.held, role.owner), (Presence::Absent, Owner::Nobody));
    let Outcome::Does(change) = &role.outcome else { panic!("{role:#?}") };
    assert_eq!((change.action.as_str(), &change.user), ("grant", &ann));
    // What the other role has to do with her: nothing.
    assert_eq!(on(&before, "role beta").desired, Wanted::Nothing);

    let did = stage.pass().await;
    assert_eq!(did.planned.view.changes, std::slice::from_ref(change), "what was explained is what is done");
    let after = explained(&stage, ann.as_str()).await;
    let role = on(&after, "role paid-tier");
    let ours = role.ours.as_ref().unwrap();
    assert_eq!((role.held, role.owner, ours.order.as_str()), (Presence::Held, Owner::Granted, order.as_str()));
    assert_eq!(ours.commit, stage.active.origin.digest);
    assert_eq!(ours.run, stage.history().await[0].run.as_ref().unwrap().as_str());
    assert_eq!(sentence(role), "nothing to do: it is paid for and held");
    let text = why_text(&after, false, Color::Plain);
    for part in [ann.as_str(), order.as_str(), "-> Pro -> line ", &ours.run, "1 other target"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[tokio::test]
async fn countdowns_run_to_the_end_of_what_was_bought_and_of_its_grace() {
    let mut stage = Stage::of(&file("owned", NO_LIMITS, LASTING)).await;
    let (ann, first) = stage.buyer("ann@example.com", "prd_pro");
    stage.shop.buy(&"prd_pro".into(), &ann);
    stage.ahead = SignedDuration::from_mins(90);
    stage.pass().await;
    let role = on(&explained(&stage, ann.as_str()).await, "role paid-tier").clone();
    let says: Vec<&str> = role.orders.iter().map(|one| one.sentence.get(..29).unwrap()).collect();
    assert_eq!(says, ["entitles; expires in 29 d 22 ", "entitles; expires in 59 d 22 "], "one extends the other");
    assert_eq!(role.until, role.orders[1].until);

    stage.shop.set_status(&first, "refunded");
    stage.ahead = SignedDuration::from_hours(24 * 31) + SignedDuration::from_mins(30);
    stage.pass().await;
    let role = on(&explained(&stage, ann.as_str()).await, "role paid-tier").clone();
    assert_eq!(role.desired, Wanted::Grace, "{role:#?}");
    let grace = role.orders.iter().find(|one| one.says == Wanted::Grace).unwrap();
    assert!(grace.sentence.starts_with("expired; kept for another 1 d 23 h (20"), "{grace:?}");
    assert_eq!(sentence(&role), "nothing to do yet: it is kept until the grace is over");
    let refunded = role.orders.iter().find(|one| one.order == first.as_str()).unwrap();
    assert!(refunded.sentence.starts_with("was refunded"), "{refunded:?}");
}

#[tokio::test]
async fn an_order_that_cannot_be_read_says_what_is_odd_about_it() {
    let yaml = usual().replace("{shop: {kind: sandbox}}", "{till: {kind: file, path: \"$FOLDER/orders.yaml\"}}");
    let mut stage = Stage::of(&yaml).await;
    let ann = stage.logto.add_user("ann@example.com");
    let order = "- {id: o1, productId: prd_pro, user: {email: ann@example.com}, status: paid, paidAt: next week}\n";
    std::fs::write(stage.folder.path().join("orders.yaml"), order).unwrap();
    stage.poll().await.unwrap();
    let why = explained(&stage, ann.as_str()).await;
    let text = why_text(&why, false, Color::Plain);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("of unknown standing: `next week` at `paidAt` is not a time in a known form"), "{text}");
}

/// A quick look at one user fits into any limit; what a full pass would hold must be said all the same.
#[tokio::test]
async fn what_everybody_together_is_over_is_held_for_each_and_named_by_its_digest() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 2}}";
    let mut stage = Stage::of(&file("owned", limits, PRODUCTS)).await;
    let users: Vec<UserId> =
        (0..5).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro").0).collect();
    stage.pass().await;
    stage.commit(&file("owned", limits, "products: {prd_team: {entitlements: [role: beta]}}")).await.unwrap();
    let plan = stage.plan_pass(&PassScope::Full).await.unwrap();
    for user in &users {
        let why = explained(&stage, user.as_str()).await;
        let role = on(&why, "role paid-tier");
        let Outcome::Holds(held) = &role.outcome else { panic!("{role:#?}") };
        assert!(plan.view.held.contains(held), "the plan says another thing: {held:#?}");
        let command = format!("`entitled approve {}`", held.set.as_ref().unwrap());
        let text = why_text(&why, false, Color::Plain);
        assert!(held.hold == "OverLimit" && text.contains(&command), "{text}");
    }
}

#[tokio::test]
async fn who_is_nobody_or_two_is_explained_as_well() {
    let mut stage = Stage::usual().await;
    stage.shop.buy(&"prd_pro".into(), "lena@example.com");
    stage.poll().await.unwrap();
    let lena = explained(&stage, "lena@example.com").await;
    assert_eq!((lena.user.as_ref(), lena.waiting[0].reason.as_str()), (None, "NoAccount"));
    let role = on(&lena, "role paid-tier");
    assert_eq!((role.desired, role.orders.len(), role.held), (Wanted::Entitled, 1, Presence::Absent));
    assert!(sentence(role).starts_with("waits"), "{role:#?}");
    assert!(why_text(&lena, false, Color::Plain).contains("as soon as lena@example.com has an account"));

    let twins = [stage.logto.add_user("twin@example.com"), stage.logto.add_user("Twin@example.com")];
    stage.shop.buy(&"prd_pro".into(), "twin@example.com");
    stage.poll().await.unwrap();
    let twin = explained(&stage, "twin@example.com").await;
    assert_eq!((twin.user.as_ref(), twin.waiting[0].reason.as_str()), (None, "Ambiguous"));
    assert!(twins.iter().all(|user| twin.waiting[0].lift.contains(user.as_str())), "{twin:#?}");

    // Her orders are known, whether asked for by the id that the shop has or by the address of the account.
    let uma = stage.logto.add_user("uma@example.com");
    stage.shop.buy(&"prd_pro".into(), &uma);
    stage.poll().await.unwrap();
    for text in ["UMA@example.com", uma.as_str()] {
        let why = explained(&stage, text).await;
        assert_eq!((why.user.as_ref(), on(&why, "role paid-tier").orders.len()), (Some(&uma), 1), "{text}");
    }
    for text in ["nobody@example.com", "nobody123456"] {
        let error = asked(&stage, text).await.unwrap_err();
        assert!(matches!(&error, WhyError::Nobody(who) if who == text) && error.hint().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_foreign_released_or_refused_by_the_file_says_so() {
    let mut stage = Stage::usual().await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &paid);
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.shop.buy(&"prd_gone".into(), "ann@example.com");
    stage.pass().await;
    let why = explained(&stage, "fay@example.com").await;
    let role = on(&why, "role paid-tier");
    assert_eq!((role.held, role.owner), (Presence::Held, Owner::Foreign));
    assert_eq!(sentence(role), "left alone: it is not ours, and no order pays for it");
    let why = explained(&stage, ann.as_str()).await;
    assert_eq!(why.idle.iter().map(|idle| idle.product.as_str()).collect::<Vec<_>>(), ["prd_gone"]);

    let grant = entitled::model::Grant { user: ann.clone(), target: entitled::model::Target::Role { role: paid } };
    stage.store.release("alice", &[grant], "a gift", stage.now()).await.unwrap();
    assert_eq!(on(&explained(&stage, ann.as_str()).await, "role paid-tier").owner, Owner::Released);
}

#[tokio::test]
async fn asking_changes_nothing() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    stage.poll().await.unwrap();
    stage.logto.clear_requests();
    let (ledger, trail) = (stage.store.ledger(None).await.unwrap(), stage.history().await);
    let why = explained(&stage, ann.as_str()).await;
    let Outcome::Does(change) = &on(&why, "role paid-tier").outcome else { panic!("{why:#?}") };
    assert_eq!(change.action, "revoke");
    assert_eq!(stage.logto.writes(), []);
    assert_eq!((stage.store.ledger(None).await.unwrap(), stage.history().await), (ledger, trail));
}

#[tokio::test]
async fn a_target_is_shown_with_whose_each_grant_is_and_the_order_behind_it() {
    let mut stage = Stage::of(&usual()).await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, _) = stage.buyer("ben@example.com", "prd_pro");
    stage.logto.grant(&ben, &paid);
    stage.pass().await;
    let fay = stage.logto.add_user("fay@example.com");
    let (cat, later) = stage.buyer("cat@example.com", "prd_pro");
    stage.logto.grant(&fay, &paid);
    stage.logto.grant(&cat, &paid);
    stage.poll().await.unwrap();
    // Somebody takes hers away meanwhile.
    let (dot, _) = stage.buyer("dot@example.com", "prd_pro");
    stage.quick().await;
    stage.logto.revoke(&dot, &paid);

    let unread = std::collections::BTreeSet::new();
    let context = stage.active.context(&stage.store, &unread, &|_, _, _| {}, stage.now());
    let target = entitled::model::Target::Role { role: paid };
    stage.logto.clear_requests();
    let all = who_has(context, &target).await.unwrap().unwrap();
    assert_eq!(stage.logto.writes(), []);
    let of = |user: &UserId| all.holders.iter().find(|one| one.user == *user).unwrap();
    let owners = [&ann, &ben, &cat, &fay].map(|user| of(user).owner);
    assert_eq!(owners, [Owner::Granted, Owner::Adopted, Owner::Foreign, Owner::Foreign]);
    assert_eq!(of(&ann).ours.as_ref().unwrap().order, order.as_str());
    assert_eq!(of(&cat).explained_by.as_deref(), Some(&*format!("{later} of shop")));
    assert_eq!(
        (of(&fay).explained_by.as_ref(), of(&ann).emails.as_slice()),
        (None, &["ann@example.com".to_owned()][..])
    );
    assert_eq!(all.missing.iter().map(|one| &one.user).collect::<Vec<_>>(), [&dot]);
    assert_eq!(all.coverage, "whole");
    let text = holders_text(&all, Color::Plain);
    assert!(text.starts_with("role paid-tier: 4 holders (1 granted, 1 adopted, 2 foreign)\n"), "{text}");
    assert!(text.contains("the next pass adopts it") && text.contains("ours, and not held"), "{text}");
    let gone = entitled::model::Target::Role { role: "nowhere".into() };
    assert_eq!(who_has(context, &gone).await.unwrap(), None);
}

#[test]
fn a_name_is_an_id_or_an_address() {
    let email = Email::parse("ann@example.com").unwrap();
    assert_eq!(Whom::parse(" Ann@Example.com"), Some(Whom::Email(email)));
    assert_eq!(Whom::parse("anna4k7w2m9x"), Some(Whom::User("anna4k7w2m9x".into())));
    assert_eq!(Whom::parse("@"), None);
}

#[tokio::test]
async fn an_address_that_an_order_had_once_is_still_that_of_an_account() {
    let mut stage = Stage::of(&usual()).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_buyer(&order, "nobody@example.com");
    stage.pass().await;
    let why = explained(&stage, "ann@example.com").await;
    assert_eq!(why.user, Some(ann), "support asks by what Logto has");
    assert!(asked(&stage, "stranger@example.com").await.is_err());
}
