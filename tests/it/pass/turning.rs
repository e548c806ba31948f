//! Two orders that change at random what they are for, whose they are and where they stand, and passes over them:
//! who holds what is what a model of a few lines says.

use entitled::model::{OrderId, UserId};
use entitled::sandbox::Customer;

use crate::support::stage::{NO_LIMITS, Stage, file};

/// The model of one order: what the shop says, and who holds what it gives.
struct Bought {
    order: OrderId,
    product: &'static str,
    role: &'static str,
    /// Whether the product that it is for now gives the role.
    gives: bool,
    status: &'static str,
    owner: Named,
    holder: Option<UserId>,
}

/// Whom the shop names, as Logto has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    User(UserId),
    /// Nobody has the address, or two have.
    Unsure,
}

impl Bought {
    /// What a pass makes of it.
    fn pass(&mut self) {
        match (self.status, self.gives, &self.owner) {
            ("on_hold", ..) => {}
            ("paid", true, Named::User(user)) => self.holder = Some(user.clone()),
            ("paid", true, Named::Unsure) => {}
            _ => self.holder = None,
        }
    }
}

async fn play(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let products = "products: {prd_pro: {entitlements: [role: paid-tier]}, prd_lite: {entitlements: [role: beta]}}";
    let mut stage = Stage::of(&file("owned", NO_LIMITS, products)).await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    stage.logto.add_user("twin@example.com");
    stage.logto.add_user("TWIN@example.com");
    let mut strangers = 0;
    let mut bought = [("prd_pro", "paid-tier"), ("prd_lite", "beta")].map(|(product, role)| Bought {
        order: stage.shop.buy(&product.into(), &ann),
        product,
        role,
        gives: true,
        status: "paid",
        owner: Named::User(ann.clone()),
        holder: None,
    });
    let mut said = vec![format!("seed {seed}")];
    stage.pass().await;
    bought.iter_mut().for_each(Bought::pass);
    for step in 0..10 {
        for _ in 0..random.u8(1..=2) {
            let one = &mut bought[random.usize(0..2)];
            let what = random.u8(0..9);
            said.push(format!("{step}: {} {what}", one.product));
            match what {
                0 | 1 => {
                    one.gives = !one.gives;
                    let product = if one.gives { one.product } else { "prd_mug" };
                    stage.shop.set_product(&one.order, &product.into());
                }
                2 => {
                    one.owner = Named::User(ann.clone());
                    stage.shop.set_buyer(&one.order, &ann);
                }
                3 => {
                    one.owner = Named::User(ben.clone());
                    stage.shop.set_buyer(&one.order, (&ben, "ann@example.com"));
                }
                4 => {
                    one.owner = Named::Unsure;
                    stage.shop.set_buyer(&one.order, "twin@example.com");
                }
                5 => {
                    strangers += 1;
                    let address = format!("stranger-{strangers}@example.com");
                    one.owner = Named::Unsure;
                    stage.shop.set_buyer(&one.order, address.as_str());
                    if random.bool() {
                        one.owner = Named::User(stage.logto.add_user(&address));
                    }
                }
                // Whom the shop forgets is still who it was, if a pass had seen that.
                6 if step > 0 => stage.shop.set_buyer(&one.order, Customer::default()),
                6 => {}
                _ => {
                    one.status = ["paid", "paid", "refunded", "on_hold"][random.usize(0..4)];
                    stage.shop.set_status(&one.order, one.status);
                }
            }
            // One change at a time reaches the store, so that nobody is forgotten before they were seen.
            stage.poll().await.unwrap();
        }
        let orders = bought.iter().map(|one| one.order.clone());
        let mut touched = Vec::new();
        for id in orders {
            touched.extend(stage.store.find_order(&"shop".into(), &id).await.unwrap().map(|one| one.key));
        }
        let span =
            if random.bool() { entitled::pass::PassScope::Full } else { entitled::pass::PassScope::Quick(touched) };
        let passed = stage.over(&span).await;
        bought.iter_mut().for_each(Bought::pass);
        for one in &bought {
            let expected = one.holder.iter().cloned().collect();
            assert_eq!(stage.holders(one.role), expected, "{said:#?}\n{span:?}\n{:#?}", passed.planned.view);
        }
    }
    let resting = |one: &Bought| one.status != "on_hold";
    if bought.iter().all(resting) {
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn whatever_orders_say_the_right_one_holds_it() {
    for seed in 0..24 {
        play(seed).await;
    }
}
