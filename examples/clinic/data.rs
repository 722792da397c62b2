//! The clinic's database: two companies, their sites, patients, encounters and claims, made up from a fixed seed.
//!
//! Every row carries the DataKey of the data it belongs to, written with its trailing delimiter.
//! Never: real data, or different data on another run.

use serde_json::Value;
use serde_json::json;

/// Where patients are treated. Head office has patients of its own at no site.
const SITES: [&str; 4] = ["acme/west/", "acme/west/sf1/", "acme/east/", "globex/north/"];
const PATIENTS_PER_SITE: usize = 6;

const GIVEN: [&str; 12] =
    ["Ana", "Björn", "Chidi", "Dalia", "Emre", "Fatou", "Goran", "Hana", "Iván", "Jun", "Kaia", "Liam"];
const FAMILY: [&str; 10] =
    ["Abara", "Bianchi", "Castillo", "Duarte", "Eriksen", "Fischer", "Güler", "Haddad", "Ito", "Jansen"];
const STREETS: [&str; 5] = ["Elm Street", "Harbour Road", "Mill Lane", "Station Street", "Vine Avenue"];
const CITIES: [&str; 4] = ["San Francisco", "Oakland", "Boston", "Hamburg"];
const ALLERGIES: [&str; 4] = ["penicillin", "latex", "peanuts", "pollen"];
const DIAGNOSES: [(&str, &str); 6] = [
    ("E11.9", "type 2 diabetes"),
    ("I10", "essential hypertension"),
    ("J45.909", "asthma"),
    ("F41.1", "generalised anxiety disorder"),
    ("M54.5", "low back pain"),
    ("B20", "HIV disease"),
];
const NOTES: [&str; 3] = [
    "Reports that symptoms began after the move; lives alone.",
    "Asked that the employer is not told.",
    "Well controlled, next visit in three months.",
];
const PAYERS: [&str; 3] = ["Blue Ridge Health", "Continental Care", "Northern Mutual"];

/// A row of a table.
pub(crate) struct Row {
    /// The DataKey that it belongs to: `acme/west/`.
    pub(crate) key: String,
    /// Its id, unique in its table.
    pub(crate) id: String,
    /// All of it, as the API shows it.
    pub(crate) value: Value,
}

/// The tables.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) patients: Vec<Row>,
    pub(crate) encounters: Vec<Row>,
    pub(crate) claims: Vec<Row>,
}

impl Tables {
    /// Fills the tables.
    pub(crate) fn generate() -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut tables = Self::default();
        for key in SITES {
            for _ in 0..PATIENTS_PER_SITE {
                tables.add_patient(key, &mut dice);
            }
        }
        tables
    }

    fn add_patient(&mut self, key: &str, dice: &mut Dice) {
        let id = format!("p-{}", 101 + self.patients.len());
        let (given, family) = (dice.pick(&GIVEN), dice.pick(&FAMILY));
        let name = format!("{given} {family}");
        let phone = format!("+1-555-01{:02}", dice.below(100));
        let mut allergies: Vec<&str> = ALLERGIES.into_iter().filter(|_| dice.below(3) == 0).collect();
        if allergies.is_empty() {
            allergies.push("none known");
        }
        let value = json!({
            "id": &id,
            "data_key": key,
            "name": &name,
            "birth_date": format!("{}-{:02}-{:02}", 1940 + dice.below(70), 1 + dice.below(12), 1 + dice.below(28)),
            "ssn": format!("9{:02}-{:02}-{:04}", dice.below(100), 70 + dice.below(19), dice.below(10_000)),
            "contact": {
                "email": format!("{}@mail.example", family.to_lowercase()),
                "phone": phone,
                "address": {
                    "street": format!("{} {}", 1 + dice.below(200), dice.pick(&STREETS)),
                    "city": dice.pick(&CITIES),
                    "zip": format!("{:05}", 10_000 + dice.below(80_000)),
                },
            },
            "allergies": allergies,
        });
        for _ in 0..2 {
            self.add_encounter(key, &id, dice);
        }
        self.add_claim(key, &id, &name, dice);
        self.patients.push(Row { key: key.to_owned(), id, value });
    }

    fn add_encounter(&mut self, key: &str, patient: &str, dice: &mut Dice) {
        let id = format!("e-{}", 101 + self.encounters.len());
        let (code, text) = dice.pick(&DIAGNOSES);
        let value = json!({
            "id": &id,
            "data_key": key,
            "patient_id": patient,
            "date": format!("2026-{:02}-{:02}", 1 + dice.below(6), 1 + dice.below(28)),
            "diagnosis": { "code": code, "text": text },
            "notes": [{ "author": "clinician", "text": dice.pick(&NOTES) }],
        });
        self.encounters.push(Row { key: key.to_owned(), id, value });
    }

    /// Claims belong to the company, in a branch of its own: `acme/claims/west/`.
    fn add_claim(&mut self, site: &str, patient: &str, name: &str, dice: &mut Dice) {
        let Some((company, rest)) = site.split_once('/') else { return };
        let key = format!("{company}/claims/{rest}");
        let id = format!("c-{}", 101 + self.claims.len());
        let (code, text) = dice.pick(&DIAGNOSES);
        let (visit, lab) = (80 + dice.below(120), 15 + dice.below(90));
        let value = json!({
            "id": &id,
            "data_key": &key,
            "status": "open",
            "patient": { "id": patient, "name": name },
            "diagnosis": { "code": code, "text": text },
            "payer": { "name": dice.pick(&PAYERS), "member": format!("M{:08}", dice.below(100_000_000)) },
            "lines": [{ "item": "visit", "amount": visit }, { "item": "laboratory", "amount": lab }],
            "total": visit + lab,
        });
        self.claims.push(Row { key, id, value });
    }
}

/// Marsaglia's xorshift64: enough to make names, never to make keys.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound.max(1)
    }

    fn pick<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let bound = u64::try_from(all.len()).unwrap_or(1);
        let at = usize::try_from(self.below(bound)).unwrap_or(0);
        all.get(at).copied().unwrap_or_default()
    }
}
