//! The data that every start begins with: the same each time, and nobody's.

use serde_json::{Value, json};

/// Contacts at the start.
pub(super) const CONTACTS: usize = 250;
/// Orders at the start.
pub(super) const ORDERS: usize = 120;

const FIRST_NAMES: [&str; 20] = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Dorothy",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Joan",
    "Katherine",
    "Linus",
    "Margaret",
    "Niklaus",
    "Ole",
    "Radia",
    "Sophie",
    "Tony",
    "Zoë",
];
const LAST_NAMES: [&str; 17] = [
    "Abel",
    "Becker",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Hoang",
    "Ito",
    "Jansen",
    "Kowalska",
    "Lindqvist",
    "Moreau",
    "Novák",
    "O'Brien",
    "Rossi",
    "Şahin",
];
const COMPANIES: [&str; 7] =
    ["Acme", "Borealis", "Cobalt Works", "Delta Mill", "Ember & Co", "Fjord Labs", "Grove"];
const COUNTRIES: [&str; 6] = ["DE", "FR", "US", "JP", "SE", "PL"];
const PLANS: [&str; 3] = ["free", "team", "business"];
const STATUSES: [&str; 4] = ["paid", "open", "shipped", "cancelled"];
const PRODUCTS: [(&str, u64); 5] =
    [("chair", 8_900), ("desk", 34_900), ("lamp", 4_500), ("shelf", 12_000), ("rug", 19_900)];

/// Contact `number`, counted from 1.
pub(super) fn contact(number: usize) -> Value {
    let index = number - 1;
    // Steps that share no factor with the lists' lengths, so that neighbours differ.
    let first = FIRST_NAMES[index * 7 % FIRST_NAMES.len()];
    let last = LAST_NAMES[index * 5 % LAST_NAMES.len()];
    json!({
        "id": format!("c-{number}"),
        "name": format!("{first} {last}"),
        "email": format!("contact-{number}@example.test"),
        "company": COMPANIES[index % COMPANIES.len()],
        "country": COUNTRIES[index % COUNTRIES.len()],
        "plan": PLANS[index % PLANS.len()],
        "score": (index * 37 + 72) % 101,
        "created_at": moment(index),
    })
}

/// Order `number`, counted from 1.
pub(super) fn order(number: usize) -> Value {
    let index = number - 1;
    let (product, price_cents) = PRODUCTS[index % PRODUCTS.len()];
    let quantity = index as u64 % 4 + 1;
    json!({
        "id": format!("o-{number}"),
        "contact_id": format!("c-{}", index * 13 % CONTACTS + 1),
        "items": [{ "product": product, "quantity": quantity, "price_cents": price_cents }],
        "total_cents": quantity * price_cents,
        "currency": "EUR",
        "status": STATUSES[index % STATUSES.len()],
        "created_at": moment(index),
    })
}

/// One moment an hour, from the start of 2026.
fn moment(index: usize) -> String {
    const START: jiff::Timestamp = jiff::Timestamp::constant(1_767_225_600, 0);
    let hours = i64::try_from(index).expect("an index into the seeds is small");
    (START + jiff::SignedDuration::from_hours(hours)).to_string()
}
