//! Who holds one target, and whose each grant is. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::explanation::{Mine, Owner};
use super::origin::Origin;
use super::{messages, table};
use crate::model::UserId;
use crate::text::{Color, human};

/// Who holds one target: what `who-has --output json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    /// The shape of this document: [`Holders::VERSION`].
    pub version: u32,
    /// The configuration that it was made under.
    pub config: Origin,
    /// When it was made.
    pub at: Timestamp,
    /// The target as the file names it.
    pub target: String,
    /// By ids.
    pub target_key: String,
    /// How complete the read was.
    pub coverage: String,
    /// Everybody who holds it, by user id.
    pub holders: Vec<Holder>,
    /// Users whose grant is ours in the ledger, and who do not hold it: the next pass restores it.
    pub missing: Vec<Holder>,
}

/// One user with a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The Logto user.
    pub user: UserId,
    /// The addresses that their orders gave, sorted.
    pub emails: Vec<String>,
    /// Whose the grant is.
    pub owner: Owner,
    /// What the ledger has, where it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Mine>,
    /// The order that entitles to it now, where it is not ours: the next pass adopts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<String>,
    /// The order that entitles to it now, where it was there before: it stays foreign.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_by: Option<String>,
}

impl Holders {
    /// The shape of this document.
    pub const VERSION: u32 = 1;
}

/// One line for each holder: whose the grant is, since when, by which run, for which order.
pub fn holders_text(all: &Holders, color: Color) -> String {
    let of = |owner: Owner| all.holders.iter().filter(|one| one.owner == owner).count();
    let mut figures = vec![format!("{} granted", of(Owner::Granted)), format!("{} adopted", of(Owner::Adopted))];
    figures.push(format!("{} foreign", of(Owner::Foreign)));
    if of(Owner::Released) > 0 {
        figures.push(format!("{} released", of(Owner::Released)));
    }
    let number = human::count(all.holders.len() as u64, "holder");
    let head = format!("{}: {number} ({})", all.target, figures.join(", "));
    let mut out = format!("{}\n", color.paint("1", &head));
    out.push_str(&table(&all.holders.iter().map(cells).collect::<Vec<_>>()));
    if !all.missing.is_empty() {
        out.push_str("\nours, and not held: the next pass restores it\n");
        out.push_str(&table(&all.missing.iter().map(cells).collect::<Vec<_>>()));
    }
    if !messages::is_known(&all.coverage) {
        let mark = color.paint("33", "!");
        out.push_str(&format!("{mark} this was not read completely ({}): some may be missing here\n", all.coverage));
    }
    out
}

fn cells(one: &Holder) -> Vec<String> {
    let emails = one.emails.iter().map(|email| format!("<{email}>")).collect::<Vec<_>>().join(" ");
    let owner = match one.owner {
        Owner::Granted => "granted",
        Owner::Adopted => "adopted",
        Owner::Released => "released",
        Owner::Foreign | Owner::Nobody => "foreign",
    };
    let mut cells = vec![format!("  {}", one.user), emails, owner.to_owned()];
    match (&one.ours, &one.explained_by) {
        (Some(ours), _) => {
            let commit = messages::version(&ours.commit);
            cells.push(human::datetime(ours.since));
            cells.push(format!("order {} of {}", ours.order, ours.source));
            cells.push(format!("product {}", ours.product));
            cells.push(if ours.line > 0 { format!("line {} @{commit}", ours.line) } else { format!("@{commit}") });
        }
        (None, Some(order)) => cells.push(format!("order {order} explains it: the next pass adopts it")),
        (None, None) => match &one.paid_by {
            Some(order) => cells.push(format!("order {order} pays for it now, but it stays foreign")),
            None => cells.push("no order pays for it".to_owned()),
        },
    }
    cells
}
