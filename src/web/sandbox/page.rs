//! The playground: buy, refund and break things in the simulators, so that a newcomer sees what follows.

use maud::{Markup, html};

use crate::web::page::parts::form;
use crate::web::page::{Frame, parts};

/// What the simulators hold, as far as the playground needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// What is for sale.
    pub products: Vec<Product>,
    /// Addresses of accounts that can buy.
    pub buyers: Vec<String>,
    /// Orders, newest change first.
    pub orders: Vec<Order>,
    /// What is broken now.
    pub broken: Vec<Break>,
}

/// Something for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What it costs, with the currency.
    pub price: String,
}

/// An order of the simulated shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Its product.
    pub product: String,
    /// Who bought.
    pub buyer: String,
    /// Where it stands.
    pub status: String,
}

/// What can be broken with one button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    /// Logto answers 503 to everything.
    LogtoDown,
    /// Walks over holders lose rows.
    LogtoTies,
    /// The shop answers 503 to everything.
    ShopDown,
    /// The shop's list is empty, with 200.
    ShopEmpty,
    /// The second half of the list is not there.
    ShopHalf,
}

impl Break {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::LogtoDown, Self::LogtoTies, Self::ShopDown, Self::ShopEmpty, Self::ShopHalf];

    /// Its name in a form.
    pub fn word(self) -> &'static str {
        match self {
            Self::LogtoDown => "logto-down",
            Self::LogtoTies => "logto-ties",
            Self::ShopDown => "shop-down",
            Self::ShopEmpty => "shop-empty",
            Self::ShopHalf => "shop-half",
        }
    }

    /// What is on its button.
    fn title(self) -> &'static str {
        match self {
            Self::LogtoDown => "Logto is down",
            Self::LogtoTies => "Logto loses rows",
            Self::ShopDown => "The shop is down",
            Self::ShopEmpty => "The shop lists nothing",
            Self::ShopHalf => "The shop loses half",
        }
    }
}

/// So many orders are shown.
const ORDERS: usize = 12;

/// The playground.
pub(crate) fn panel(frame: Frame<'_>, sandbox: &Sandbox) -> Markup {
    html! {
        section #sandbox.playground aria-labelledby="sandbox-title" {
            h2 #sandbox-title { "Try it" }
            p.aside {
                "Logto and the shop are simulated here. Buy, refund, or break something, and see what follows above and below."
            }
            (form(frame.hand, "/sandbox/buy", "line buy", &html! {
                label {
                    span { "Product" }
                    select name="product" {
                        @for one in &sandbox.products { option value=(one.id) { (one.name) ", " (one.price) } }
                    }
                }
                label.wide {
                    span { "Buyer" }
                    input #buyer type="email" name="email" required list="buyers" value=[sandbox.buyers.first()];
                }
                datalist #buyers { @for email in &sandbox.buyers { option value=(email) {} } }
                button.primary #buy { "Buy" }
            }))
            (orders(frame, sandbox))
            (breaks(frame, sandbox))
        }
    }
}

fn orders(frame: Frame<'_>, sandbox: &Sandbox) -> Markup {
    html! {
        div #sandbox-orders data-live {
            h3 { "Orders in the shop" }
            ul.orders {
                @for order in sandbox.orders.iter().take(ORDERS) {
                    li {
                        span.order-what {
                            code { (order.id) } " " span.aside { (order.buyer) }
                        }
                        (parts::tag(if order.status == "paid" { "is-good" } else { "is-quiet" }, &order.status))
                        (form(frame.hand, "/sandbox/order", "line", &html! {
                            input type="hidden" name="order" value=(order.id);
                            @if order.status == "paid" || order.status == "disputed" {
                                button name="what" value="refund" id={ "refund-" (order.id) } {
                                    "Refund" span.unseen { " " (order.id) }
                                }
                            } @else if order.status != "refunded" {
                                button name="what" value="pay" id={ "pay-" (order.id) } {
                                    "Pay" span.unseen { " " (order.id) }
                                }
                            }
                        }))
                    }
                }
            }
        }
    }
}

fn breaks(frame: Frame<'_>, sandbox: &Sandbox) -> Markup {
    html! {
        div #sandbox-breaks data-live {
            h3 { "Break something" }
            (form(frame.hand, "/sandbox/break", "line", &html! {
                @for one in Break::ALL {
                    @let broken = sandbox.broken.contains(&one);
                    button name="what" value=(one.word()) id={ "break-" (one.word()) } aria-pressed=(broken) {
                        (one.title())
                    }
                }
                button.plain #mend name="what" value="nothing" disabled[sandbox.broken.is_empty()] { "Mend everything" }
            }))
        }
    }
}
