//! What has to be done so that what is declared is what is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::Declared;
use crate::api::client::UNLIMITED;
use crate::clients::registration::Registration;
use crate::clients::{Client, SecretStanding, Status};
use crate::oauth::credentials::ClientId;

/// A registered client, as far as a plan looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What it is registered with.
    pub registration: Registration,
    /// Whether it is suspended.
    pub suspended: bool,
    /// What the secret that is declared for it is to it.
    pub declared_secret: SecretStanding,
    /// Whether a file declares it, or did.
    pub declared: bool,
}

impl Registered {
    /// What a plan looks at of `client`.
    #[must_use]
    pub fn of(client: &Client, declared_secret: SecretStanding) -> Self {
        let suspended = client.status == Status::Suspended;
        Self { registration: client.registration(), suspended, declared_secret, declared: client.declared }
    }
}

/// Which clients are deleted that are not declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// None.
    Nothing,
    /// Those that were declared once.
    Declared,
    /// All, whoever registered them.
    All,
}

/// One member that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub member: &'static str,
    /// What it is.
    pub from: Value,
    /// What it is to be.
    pub to: Value,
}

/// One thing to do: one request, or one commit.
#[derive(Clone, Debug)]
pub enum Step<'d> {
    /// A client is registered.
    Register(&'d Declared),
    /// A client's registration changes.
    Change(&'d ClientId, Vec<Change>),
    /// A client gets the secret that is declared; the one before ends as with every rotation.
    RotateSecret(&'d Declared),
    /// A client is suspended.
    Suspend(&'d ClientId),
    /// A client is active again.
    Resume(&'d ClientId),
    /// A client that is not declared is deleted.
    Remove(ClientId, String),
}

/// All that has to be done, in its order; nothing when everything is as declared.
#[derive(Debug)]
pub struct Plan<'d> {
    /// What to do.
    pub steps: Vec<Step<'d>>,
    /// What is left as it is and should be known.
    pub notes: Vec<String>,
    /// Clients whose secrets were made here and do not work, with what to do about each.
    pub astray: Vec<(ClientId, String)>,
    /// How many clients it is about.
    pub counts: Counts,
}

/// Numbers of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be registered.
    pub add: usize,
    /// To be changed in some way.
    pub change: usize,
    /// To be deleted.
    pub remove: usize,
    /// Declared and registered so.
    pub unchanged: usize,
    /// Declared once, and registered still: what pruning would delete.
    pub undeclared: usize,
    /// Registered in another way, and not declared.
    pub others: usize,
}

impl<'d> Plan<'d> {
    /// What makes `registered` as `declared` is. A client that was registered in another way is adopted, by the
    /// mark of those that a file declares. Clients that are not declared are deleted if `prune` says so, but
    /// never those in `kept`, whose credentials are at work.
    #[must_use]
    pub fn of(
        declared: &'d [Declared],
        registered: &BTreeMap<ClientId, Registered>,
        prune: Prune,
        kept: &BTreeSet<ClientId>,
    ) -> Self {
        let mut plan = Self { steps: Vec::new(), notes: Vec::new(), astray: Vec::new(), counts: Counts::default() };
        for client in declared {
            match registered.get(&client.client_id) {
                None => plan.register(client),
                Some(registered) => plan.change(client, registered),
            }
        }
        let names: BTreeSet<&ClientId> = declared.iter().map(|client| &client.client_id).collect();
        for (client_id, registered) in registered {
            if names.contains(client_id) || kept.contains(client_id) {
                continue;
            }
            if prune == Prune::All || (prune == Prune::Declared && registered.declared) {
                plan.counts.remove += 1;
                plan.steps.push(Step::Remove(client_id.clone(), registered.registration.client_name.clone()));
            } else if registered.declared {
                plan.counts.undeclared += 1;
            } else {
                plan.counts.others += 1;
            }
        }
        plan
    }

    fn register(&mut self, client: &'d Declared) {
        self.counts.add += 1;
        self.steps.push(Step::Register(client));
        if client.suspended == Some(true) {
            self.steps.push(Step::Suspend(&client.client_id));
        }
    }

    fn change(&mut self, client: &'d Declared, registered: &Registered) {
        let (before, client_id) = (self.steps.len(), &client.client_id);
        let (from, to) = (registered.registration.members(), client.registration.members());
        let of = |members: &Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or_default();
        let mut changes: Vec<Change> = client
            .named
            .iter()
            .map(|member| Change { member, from: of(&from, member), to: of(&to, member) })
            .filter(|change| change.from != change.to)
            .collect();
        if !registered.declared {
            changes.push(Change { member: "declared", from: false.into(), to: true.into() });
        }
        if !changes.is_empty() {
            self.steps.push(Step::Change(client_id, changes));
        }
        self.compare_secret(client, registered);
        match client.suspended {
            Some(true) if !registered.suspended => self.steps.push(Step::Suspend(client_id)),
            Some(false) if registered.suspended => self.steps.push(Step::Resume(client_id)),
            Some(_) | None => {}
        }
        if self.steps.len() > before {
            self.counts.change += 1;
        } else {
            self.counts.unchanged += 1;
        }
    }

    fn compare_secret(&mut self, client: &'d Declared, registered: &Registered) {
        let (client_id, place) = (&client.client_id, client.secret.place());
        let (is_said, is_made_here) = (client.secret.is_said(), client.secret.file().is_some());
        match registered.declared_secret {
            // A secret that was rotated out may have been stolen: nobody brings it back in passing.
            SecretStanding::Former => {
                let rotated = format!("{client_id}: the secret in {place} was rotated out");
                match (is_made_here, is_said) {
                    (true, true) => self.go_astray(client_id, format!("{rotated}; move it away for a new one")),
                    (true, false) => self.go_astray(client_id, format!("{rotated}; move it away")),
                    (false, _) => self.notes.push(format!("{rotated}; change it there")),
                }
            }
            SecretStanding::Unknown if is_said => self.steps.push(Step::RotateSecret(client)),
            SecretStanding::Unknown if client.secret.known().is_some() => {
                let what = "is not one that it has; move it away, or say secret = \"generate\" to rotate to it";
                self.go_astray(client_id, format!("{client_id}: the secret in {place} {what}"));
            }
            // Its partner may be using it: a run that refused it would stop more than it protects.
            SecretStanding::Current => self.notes.extend(client.secret.weakness(client_id)),
            // The file does not speak of it, and none was made here.
            SecretStanding::Unknown => {}
        }
    }

    fn go_astray(&mut self, client_id: &ClientId, what: String) {
        self.astray.push((client_id.clone(), what));
    }

    /// All that is to be known, for people.
    pub fn all_notes(&self) -> impl Iterator<Item = &String> {
        self.notes.iter().chain(self.astray.iter().map(|(_, what)| what))
    }

    /// The clients that it deletes.
    pub fn removals(&self) -> impl Iterator<Item = &ClientId> {
        self.steps.iter().filter_map(|step| match step {
            Step::Remove(client_id, _) => Some(client_id),
            Step::Register(_) | Step::Change(..) | Step::RotateSecret(_) | Step::Suspend(_) | Step::Resume(_) => None,
        })
    }

    /// The clients that get a secret by it.
    pub fn secrets(&self) -> impl Iterator<Item = &'d Declared> {
        self.steps.iter().filter_map(|step| match step {
            Step::Register(client) | Step::RotateSecret(client) => Some(*client),
            Step::Change(..) | Step::Suspend(_) | Step::Resume(_) | Step::Remove(..) => None,
        })
    }

    /// The registered clients that get another secret because the file of the one that was made for them is not there.
    pub fn remade(&self) -> impl Iterator<Item = &'d ClientId> {
        self.steps.iter().filter_map(|step| match step {
            Step::RotateSecret(client) if client.secret.known().is_none() => Some(&client.client_id),
            Step::RotateSecret(_)
            | Step::Register(_)
            | Step::Change(..)
            | Step::Suspend(_)
            | Step::Resume(_)
            | Step::Remove(..) => None,
        })
    }

    /// Why some of those secrets must not be registered: one line for each.
    #[must_use]
    pub fn weak_secrets(&self) -> Vec<String> {
        self.secrets().filter_map(|client| client.secret.weakness(&client.client_id)).collect()
    }

    /// The plan as programs read it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Counts { add, change, remove, unchanged, undeclared, others } = self.counts;
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        let summary = json!({ "add": add, "change": change, "remove": remove, "unchanged": unchanged,
            "undeclared": undeclared, "others": others });
        let notes: Vec<&String> = self.all_notes().collect();
        json!({ "steps": steps, "notes": notes, "summary": summary })
    }
}

impl Step<'_> {
    /// The client that it is about.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        match self {
            Self::Register(client) | Self::RotateSecret(client) => &client.client_id,
            Self::Change(client_id, _) | Self::Suspend(client_id) | Self::Resume(client_id) => client_id,
            Self::Remove(client_id, _) => client_id,
        }
    }

    /// The merge patch (RFC 7396) of a change.
    #[must_use]
    pub fn patch(changes: &[Change]) -> Map<String, Value> {
        changes.iter().map(|change| (change.member.to_owned(), change.to.clone())).collect()
    }

    fn to_json(&self) -> Value {
        let mut told = json!({ "client_id": self.client_id() });
        let (action, more) = match self {
            Self::Register(client) => {
                ("register", json!({ "client_name": client.registration.client_name, "secret": client.secret.place() }))
            }
            Self::Change(_, changes) => {
                let changes = changes
                    .iter()
                    .map(|change| (change.member.to_owned(), json!({ "from": change.from, "to": change.to })));
                ("change", json!({ "changes": changes.collect::<Map<_, _>>() }))
            }
            Self::RotateSecret(client) => ("rotate_secret", json!({ "secret": client.secret.place() })),
            Self::Suspend(_) => ("suspend", json!({})),
            Self::Resume(_) => ("resume", json!({})),
            Self::Remove(_, client_name) => ("remove", json!({ "client_name": client_name })),
        };
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.insert("action".to_owned(), action.into());
            told.extend(more);
        }
        told
    }
}

/// One line, for people.
impl fmt::Display for Step<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(client) => write!(
                out,
                "+ {}  register {:?}, its secret in {}",
                client.client_id,
                client.registration.client_name,
                client.secret.place().escape_debug()
            ),
            Self::Change(client_id, changes) => {
                write!(out, "~ {client_id}  ")?;
                for (index, Change { member, from, to }) in changes.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}{member} {} → {}", Shown(member, from), Shown(member, to))?;
                }
                Ok(())
            }
            Self::RotateSecret(client) => {
                write!(
                    out,
                    "~ {}  rotate its secret to the one in {}",
                    client.client_id,
                    client.secret.place().escape_debug()
                )
            }
            Self::Suspend(client_id) => write!(out, "~ {client_id}  suspend"),
            Self::Resume(client_id) => write!(out, "~ {client_id}  resume"),
            Self::Remove(client_id, client_name) => write!(out, "- {client_id}  remove {client_name:?}"),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { add, change, remove, unchanged, .. } = *self;
        let [add, change, remove, unchanged] = [add, change, remove, unchanged].map(grouped);
        write!(out, "{add} to add, {change} to change, {remove} to remove, {unchanged} unchanged")
    }
}

struct Shown<'v>(&'static str, &'v Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self("daily_quota", Value::Null) => out.write_str(UNLIMITED),
            // JSON escapes what would move a terminal's cursor, but for DEL and the C1 controls.
            Self(_, value) => out.write_str(&value.to_string().replace(char::is_control, "\u{FFFD}")),
        }
    }
}

/// A number as people read it: 9,996.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::api::policy::RegistrationPolicy;
    use crate::declared::{Setting, parse};

    const OWN: &str = "correct-horse-battery-staple-4711";

    fn declared(text: &str) -> Vec<Declared> {
        let policy = RegistrationPolicy::example();
        let variable = |name: &str| match name {
            "OWN" => Some(OWN.to_owned().into()),
            "GUESSABLE" => Some("curbside".repeat(5).into()),
            _ => None,
        };
        let setting = Setting { secrets_dir: Some(Path::new("/nowhere")), policy: &policy, variable: &variable };
        parse(Path::new("clients.toml"), text, Path::new(""), &setting).unwrap()
    }

    /// What is registered once these are, with the secrets that are declared.
    fn registered(text: &str) -> BTreeMap<ClientId, Registered> {
        let registered = |client: Declared| {
            let of = Registered {
                registration: client.registration,
                suspended: client.suspended == Some(true),
                declared_secret: SecretStanding::Current,
                declared: true,
            };
            (client.client_id, of)
        };
        declared(text).into_iter().map(registered).collect()
    }

    const CURBSIDE: &str = "[[clients]]\nclient_id = 'curbside'\nclient_name = 'Curbside'\nscope = 'read:zones'\n";
    const QUAY: &str = "[[clients]]\nclient_id = 'quay'\nclient_name = 'Quay'\nscope = 'read:zones'\n";

    #[test]
    fn a_plan_has_every_difference_and_nothing_else() {
        for (file, there, lines, counts, reason) in [
            ("clients = []", "clients = []", vec![], [0, 0, 0, 0, 0], "nothing is declared, nothing is there"),
            (
                CURBSIDE,
                "clients = []",
                vec!["+ curbside  register \"Curbside\", its secret in /nowhere/curbside.json"],
                [1, 0, 0, 0, 0],
                "a secret that nothing is said of is generated",
            ),
            (
                &format!("{CURBSIDE}secret = {{ env = 'OWN' }}\nstatus = 'suspended'"),
                "clients = []",
                vec!["+ curbside  register \"Curbside\", its secret in the variable OWN", "~ curbside  suspend"],
                [1, 0, 0, 0, 0],
                "it is suspended before anybody has its secret",
            ),
            (CURBSIDE, CURBSIDE, vec![], [0, 0, 0, 1, 0], "it is so already"),
            (
                CURBSIDE,
                &format!("{CURBSIDE}burst = 7\ndaily_quota = 5\nstatus = 'suspended'"),
                vec![],
                [0, 0, 0, 1, 0],
                "what a file leaves out stays as it is: a suspension above all",
            ),
            (
                &format!("{CURBSIDE}burst = 40\ndaily_quota = 'unlimited'\nenforce = false\ntoken_ttl = 3600"),
                CURBSIDE,
                vec!["~ curbside  burst 20 → 40, daily_quota 10000 → unlimited, enforce true → false"],
                [0, 1, 0, 0, 0],
                "what is as declared is not in the line",
            ),
            (
                &format!("{CURBSIDE}requests_per_second = 0.5\nburst = 20.0"),
                CURBSIDE,
                vec!["~ curbside  requests_per_second 10 → 0.5"],
                [0, 1, 0, 0, 0],
                "a rate may be below one, and a number is what it stands for",
            ),
            (&format!("{CURBSIDE}requests_per_second = 10.0"), CURBSIDE, vec![], [0, 0, 0, 1, 0], "so it is already"),
            (
                &CURBSIDE.replace("'read:zones'", "'write:zones read:zones'"),
                &CURBSIDE.replace("'read:zones'", "'read:zones write:zones'"),
                vec![],
                [0, 0, 0, 1, 0],
                "a scope is a set",
            ),
            (
                &format!("{CURBSIDE}status = 'active'"),
                &format!("{CURBSIDE}status = 'suspended'"),
                vec!["~ curbside  resume"],
                [0, 1, 0, 0, 0],
                "an active client is resumed when the file says so",
            ),
            (
                &format!("{}status = 'suspended'", CURBSIDE.replace("'Curbside'", "'Kerbside'")),
                CURBSIDE,
                vec!["~ curbside  client_name \"Curbside\" → \"Kerbside\"", "~ curbside  suspend"],
                [0, 1, 0, 0, 0],
                "one client is one change, in two steps",
            ),
            (
                CURBSIDE,
                &format!("{CURBSIDE}{QUAY}"),
                vec!["- quay  remove \"Quay\""],
                [0, 0, 1, 1, 0],
                "what is not declared is removed",
            ),
        ] {
            let (declared, there) = (declared(file), registered(there));
            let plan = Plan::of(&declared, &there, Prune::Declared, &BTreeSet::new());
            assert_eq!(plan.steps.iter().map(Step::to_string).collect::<Vec<_>>(), lines, "{reason}");
            let Counts { add, change, remove, unchanged, undeclared, others } = plan.counts;
            assert_eq!([add, change, remove, unchanged, undeclared + others], counts, "{reason}");
            assert!(plan.notes.is_empty() && plan.astray.is_empty(), "{reason}");
        }
    }

    #[test]
    fn nothing_is_removed_without_a_word_nor_whoever_is_kept() {
        const BY_HAND: &str = "[[clients]]\nclient_id = 'hand'\nclient_name = 'By hand'\nscope = 'read:zones'\n";
        let mut there = registered(&format!("{BY_HAND}{CURBSIDE}{QUAY}"));
        there.get_mut("hand").unwrap().declared = false;
        let kept = BTreeSet::from([ClientId::parse("quay").unwrap()]);
        let nobody = BTreeSet::new();
        for (prune, kept, removed, [undeclared, others]) in [
            (Prune::Nothing, &nobody, vec![], [2, 1]),
            (Prune::Declared, &kept, vec!["curbside"], [0, 1]),
            (Prune::Declared, &nobody, vec!["curbside", "quay"], [0, 1]),
            (Prune::All, &kept, vec!["curbside", "hand"], [0, 0]),
        ] {
            let plan = Plan::of(&[], &there, prune, kept);
            assert_eq!(plan.removals().map(ClientId::as_str).collect::<Vec<_>>(), removed);
            let counts = plan.counts;
            assert_eq!([counts.remove, counts.undeclared, counts.others], [removed.len(), undeclared, others]);
        }
    }

    #[test]
    fn a_client_that_was_registered_by_hand_is_adopted_once_a_file_declares_it() {
        let mut there = registered(CURBSIDE);
        there.get_mut("curbside").unwrap().declared = false;
        let declared = declared(CURBSIDE);
        let plan = Plan::of(&declared, &there, Prune::Nothing, &BTreeSet::new());
        assert_eq!(plan.steps[0].to_string(), "~ curbside  declared false → true");
        let Step::Change(_, changes) = &plan.steps[0] else { unreachable!("a change") };
        assert_eq!(Value::Object(Step::patch(changes)), json!({ "declared": true }));
    }

    #[test]
    fn a_secret_is_rotated_in_unless_it_was_rotated_out() {
        let file = format!("{CURBSIDE}secret = {{ env = 'OWN' }}");
        let declared_clients = declared(&file);
        for (standing, steps, notes, reason) in [
            (SecretStanding::Current, 0, 0, "it is there already"),
            (SecretStanding::Unknown, 1, 0, "it is new"),
            (SecretStanding::Former, 0, 1, "it may have been stolen"),
        ] {
            let mut there = registered(CURBSIDE);
            for client in there.values_mut() {
                client.declared_secret = standing;
            }
            let plan = Plan::of(&declared_clients, &there, Prune::Nothing, &BTreeSet::new());
            assert_eq!((plan.steps.len(), plan.notes.len()), (steps, notes), "{reason}");
        }
        let unsaid = declared(CURBSIDE);
        assert!(Plan::of(&unsaid, &registered(CURBSIDE), Prune::Nothing, &BTreeSet::new()).steps.is_empty());
        let generate = declared(&format!("{CURBSIDE}secret = 'generate'"));
        let mut there = registered(CURBSIDE);
        // One that is yet to be made is nobody's.
        for client in there.values_mut() {
            client.declared_secret = SecretStanding::Unknown;
        }
        let plan = Plan::of(&generate, &there, Prune::Nothing, &BTreeSet::new());
        assert_eq!(plan.steps[0].to_string(), "~ curbside  rotate its secret to the one in /nowhere/curbside.json");
    }

    #[test]
    fn a_secret_that_is_easy_to_guess_is_refused_unless_the_client_has_it_already() {
        let file = format!("{CURBSIDE}secret = {{ env = 'GUESSABLE' }}");
        let declared_clients = declared(&file);
        let says = "curbside: the secret in the variable GUESSABLE is easy to guess";
        let mut there = registered(&file);
        let plan = Plan::of(&declared_clients, &there, Prune::Nothing, &BTreeSet::new());
        assert!(plan.steps.is_empty() && plan.weak_secrets().is_empty(), "{plan:?}");
        assert!(matches!(&plan.notes[..], [note] if note.starts_with(says)), "{plan:?}");
        there.get_mut("curbside").unwrap().declared_secret = SecretStanding::Unknown;
        for (there, reason) in [(&there, "a rotation"), (&BTreeMap::new(), "a registration")] {
            let plan = Plan::of(&declared_clients, there, Prune::Nothing, &BTreeSet::new());
            assert!(matches!(&plan.weak_secrets()[..], [weak] if weak.starts_with(says)), "{reason}: {plan:?}");
            assert!(plan.notes.is_empty(), "{reason}: {plan:?}");
            let client = &declared_clients[0];
            let taken = client.secret.take(&client.client_id, "https://localhost").map(drop);
            assert!(taken.unwrap_err().to_string().starts_with(says), "{reason}");
        }
    }

    #[test]
    fn programs_read_the_same_plan() {
        let declared = declared(&format!("{CURBSIDE}burst = 40\n{QUAY}"));
        let plan = Plan::of(&declared, &registered(CURBSIDE), Prune::Declared, &BTreeSet::new()).to_json();
        assert_eq!(
            plan,
            json!({
                "steps": [
                    { "action": "change", "client_id": "curbside", "changes": { "burst": { "from": 20, "to": 40 } } },
                    { "action": "register", "client_id": "quay", "client_name": "Quay", "secret": "/nowhere/quay.json" },
                ],
                "notes": [],
                "summary": { "add": 1, "change": 1, "remove": 0, "unchanged": 0, "undeclared": 0, "others": 0 },
            })
        );
    }

    #[test]
    fn large_numbers_are_read_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (9_996, "9,996"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
