//! The plan: which clients to register, change and delete, so that the registered clients are as declared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Declared;
use crate::api;
use crate::api::client::UNLIMITED;
use crate::clients::registration::Registration;
use crate::clients::{Client, SecretStanding, Status};
use crate::limits::Limits;
use crate::oauth::credentials::ClientId;

/// A registered client, as far as a plan needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) registration: Registration,
    pub(crate) suspended: bool,
    /// What the declared secret is to it.
    pub(crate) declared_secret: SecretStanding,
    /// Whether a file declares it, or declared it once.
    pub(crate) declared: bool,
}

impl Registered {
    /// A client of this server.
    pub(crate) fn new(client: &Client, declared_secret: SecretStanding) -> Self {
        let suspended = client.status == Status::Suspended;
        Self { registration: client.registration(), suspended, declared_secret, declared: client.declared }
    }

    /// A client as an answer of a server shows it, which says nothing about the declared secret.
    pub(crate) fn from_answer(client: api::client::Client) -> (ClientId, Self) {
        let registered = Self {
            registration: Registration {
                client_name: client.client_name,
                scope: client.scope,
                audience: client.audience,
                token_ttl: client.token_ttl,
                report_required: client.report_required,
                limits: Limits {
                    requests_per_second: client.requests_per_second,
                    burst: client.burst,
                    daily_quota: client.daily_quota,
                    enforce: client.enforce,
                },
            },
            suspended: client.status == Status::Suspended,
            declared_secret: SecretStanding::Unknown,
            declared: client.declared,
        };
        (client.client_id, registered)
    }
}

/// Which undeclared clients are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prune {
    Nothing,
    /// The ones that a file declared once.
    Declared,
    All,
}

/// The change of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberChange {
    pub(crate) member: &'static str,
    /// Its value now.
    pub(crate) from: Value,
    /// Its new value.
    pub(crate) to: Value,
}

/// A step of a plan: one request, or one commit.
#[derive(Clone, Debug)]
pub(crate) enum Step<'d> {
    Register(&'d Declared),
    Change(&'d ClientId, Vec<MemberChange>),
    /// Gives a client the declared secret; the previous secret ends as with every rotation.
    RotateSecret(&'d Declared),
    Suspend(&'d ClientId),
    Resume(&'d ClientId),
    /// Deletes an undeclared client of this name.
    Remove(ClientId, String),
}

/// The steps, in their order; none if everything is as declared.
#[derive(Debug)]
pub(crate) struct Plan<'d> {
    pub(crate) steps: Vec<Step<'d>>,
    /// What an operator should know about things that the plan does not change.
    pub(crate) notes: Vec<String>,
    /// Clients whose generated secrets do not work, with what to do about each.
    pub(crate) broken_secrets: Vec<(ClientId, String)>,
    pub(crate) counts: Counts,
}

/// Numbers of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) add: usize,
    pub(crate) change: usize,
    pub(crate) remove: usize,
    /// As declared already.
    pub(crate) unchanged: usize,
    /// Undeclared, but declared once: pruning would delete them.
    pub(crate) undeclared: usize,
    /// Undeclared, and registered in another way.
    pub(crate) others: usize,
}

impl<'d> Plan<'d> {
    /// Plans how `registered` becomes as `declared`. A declared client that was registered in another way is adopted: it is
    /// marked as declared. `prune` says which undeclared clients are deleted, but never the ones in `in_use`, whose
    /// credentials apply the plan.
    pub(crate) fn new(
        declared: &'d [Declared],
        registered: &BTreeMap<ClientId, Registered>,
        prune: Prune,
        in_use: &BTreeSet<ClientId>,
    ) -> Self {
        let mut plan =
            Self { steps: Vec::new(), notes: Vec::new(), broken_secrets: Vec::new(), counts: Counts::default() };
        for client in declared {
            match registered.get(&client.client_id) {
                None => plan.register(client),
                Some(registered) => plan.change(client, registered),
            }
        }
        let names: BTreeSet<&ClientId> = declared.iter().map(|client| &client.client_id).collect();
        for (client_id, registered) in registered {
            if names.contains(client_id) || in_use.contains(client_id) {
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
        let mut changes: Vec<MemberChange> = client
            .named
            .iter()
            .map(|member| MemberChange { member, from: of(&from, member), to: of(&to, member) })
            .filter(|change| change.from != change.to)
            .collect();
        if !registered.declared {
            changes.push(MemberChange { member: "declared", from: false.into(), to: true.into() });
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
        let (is_declared, is_generated) = (client.secret.is_declared(), client.secret.file().is_some());
        match registered.declared_secret {
            // A secret that was rotated out may have been stolen, so a plan never registers it again.
            SecretStanding::Former => {
                let rotated = format!("{client_id}: the secret in {place} was rotated out");
                if is_generated {
                    let purpose = if is_declared { " for a new one" } else { "" };
                    self.report_broken_secret(client_id, format!("{rotated}; move it away{purpose}"));
                } else {
                    self.notes.push(format!("{rotated}; change it there"));
                }
            }
            SecretStanding::Unknown if is_declared => self.steps.push(Step::RotateSecret(client)),
            SecretStanding::Unknown if client.secret.loaded().is_some() => {
                let what = "is not the client's; move it away, or say secret = \"generate\" to rotate to it";
                self.report_broken_secret(client_id, format!("{client_id}: the secret in {place} {what}"));
            }
            // The partner may use it, so a weak secret is a note and not a refusal.
            SecretStanding::Current => self.notes.extend(client.secret.weakness(client_id)),
            // The file does not manage the secret, and none was generated here.
            SecretStanding::Unknown => {}
        }
    }

    fn report_broken_secret(&mut self, client_id: &ClientId, what: String) {
        self.broken_secrets.push((client_id.clone(), what));
    }

    /// The notes and the broken secrets, for people.
    pub(crate) fn all_notes(&self) -> impl Iterator<Item = &String> {
        self.notes.iter().chain(self.broken_secrets.iter().map(|(_, what)| what))
    }

    pub(crate) fn removals(&self) -> impl Iterator<Item = &ClientId> {
        self.steps.iter().filter_map(|step| match step {
            Step::Remove(client_id, _) => Some(client_id),
            Step::Register(_) | Step::Change(..) | Step::RotateSecret(_) | Step::Suspend(_) | Step::Resume(_) => None,
        })
    }

    /// The clients that get a secret.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &'d Declared> {
        self.steps.iter().filter_map(|step| match step {
            Step::Register(client) | Step::RotateSecret(client) => Some(*client),
            Step::Change(..) | Step::Suspend(_) | Step::Resume(_) | Step::Remove(..) => None,
        })
    }

    /// The registered clients that get another secret because the file of their generated secret is missing.
    pub(crate) fn regenerated(&self) -> impl Iterator<Item = &'d ClientId> {
        self.steps.iter().filter_map(|step| match step {
            Step::RotateSecret(client) if client.secret.loaded().is_none() => Some(&client.client_id),
            Step::RotateSecret(_)
            | Step::Register(_)
            | Step::Change(..)
            | Step::Suspend(_)
            | Step::Resume(_)
            | Step::Remove(..) => None,
        })
    }

    /// Why some of these secrets must not be registered, one line for each.
    pub(crate) fn weak_secrets(&self) -> Vec<String> {
        self.secrets().filter_map(|client| client.secret.weakness(&client.client_id)).collect()
    }

    /// The plan for programs.
    pub(crate) fn to_json(&self) -> PlanJson<'_> {
        let steps = self.steps.iter().map(StepJson::from).collect();
        PlanJson { steps, notes: self.all_notes().collect(), summary: self.counts }
    }
}

/// What `client sync --json` prints.
#[derive(Serialize)]
pub(crate) struct PlanJson<'p> {
    steps: Vec<StepJson<'p>>,
    notes: Vec<&'p String>,
    summary: Counts,
}

#[derive(Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum StepJson<'p> {
    Register { client_id: &'p ClientId, client_name: &'p str, secret: String },
    Change { client_id: &'p ClientId, changes: BTreeMap<&'static str, ValueChange<'p>> },
    RotateSecret { client_id: &'p ClientId, secret: String },
    Suspend { client_id: &'p ClientId },
    Resume { client_id: &'p ClientId },
    Remove { client_id: &'p ClientId, client_name: &'p str },
}

#[derive(Serialize)]
struct ValueChange<'p> {
    from: &'p Value,
    to: &'p Value,
}

impl<'p> From<&'p Step<'_>> for StepJson<'p> {
    fn from(step: &'p Step<'_>) -> Self {
        match step {
            Step::Register(client) => Self::Register {
                client_id: &client.client_id,
                client_name: &client.registration.client_name,
                secret: client.secret.place(),
            },
            Step::Change(client_id, changes) => {
                let change = |MemberChange { member, from, to }: &'p MemberChange| (*member, ValueChange { from, to });
                Self::Change { client_id, changes: changes.iter().map(change).collect() }
            }
            Step::RotateSecret(client) => {
                Self::RotateSecret { client_id: &client.client_id, secret: client.secret.place() }
            }
            Step::Suspend(client_id) => Self::Suspend { client_id },
            Step::Resume(client_id) => Self::Resume { client_id },
            Step::Remove(client_id, client_name) => Self::Remove { client_id, client_name },
        }
    }
}

impl Step<'_> {
    pub(crate) fn client_id(&self) -> &ClientId {
        match self {
            Self::Register(client) | Self::RotateSecret(client) => &client.client_id,
            Self::Change(client_id, _) | Self::Suspend(client_id) | Self::Resume(client_id) => client_id,
            Self::Remove(client_id, _) => client_id,
        }
    }

    /// The merge patch (RFC 7396) of a change.
    pub(crate) fn patch(changes: &[MemberChange]) -> Map<String, Value> {
        changes.iter().map(|change| (change.member.to_owned(), change.to.clone())).collect()
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
                for (index, MemberChange { member, from, to }) in changes.iter().enumerate() {
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
            // JSON escapes all control characters but DEL and the C1 controls.
            Self(_, value) => out.write_str(&value.to_string().replace(char::is_control, "\u{FFFD}")),
        }
    }
}

/// A number with a comma between thousands: 9,996.
pub(crate) fn grouped(number: usize) -> String {
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

    use serde_json::json;

    use super::*;
    use crate::api::policy::RegistrationPolicy;
    use crate::declared::{ReadContext, parse};

    const OWN: &str = "correct-horse-battery-staple-4711";

    fn declared(text: &str) -> Vec<Declared> {
        let policy = RegistrationPolicy::example();
        let variable = |name: &str| match name {
            "OWN" => Some(OWN.to_owned().into()),
            "GUESSABLE" => Some("curbside".repeat(5).into()),
            _ => None,
        };
        let context = ReadContext { secrets_dir: Some(Path::new("/nowhere")), policy: &policy, variable: &variable };
        parse(Path::new("clients.toml"), text, Path::new(""), &context).unwrap()
    }

    /// The registered clients after a run with this file.
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
    fn a_plan_has_a_step_for_every_difference() {
        for (file, there, lines, counts, reason) in [
            ("clients = []", "clients = []", vec![], [0, 0, 0, 0, 0], "no client is declared, and none is registered"),
            (
                CURBSIDE,
                "clients = []",
                vec!["+ curbside  register \"Curbside\", its secret in /nowhere/curbside.json"],
                [1, 0, 0, 0, 0],
                "without a secret, one is generated",
            ),
            (
                &format!("{CURBSIDE}secret = {{ env = 'OWN' }}\nstatus = 'suspended'"),
                "clients = []",
                vec!["+ curbside  register \"Curbside\", its secret in the variable OWN", "~ curbside  suspend"],
                [1, 0, 0, 0, 0],
                "it is suspended before a partner has its secret",
            ),
            (CURBSIDE, CURBSIDE, vec![], [0, 0, 0, 1, 0], "it is as declared"),
            (
                CURBSIDE,
                &format!("{CURBSIDE}burst = 7\ndaily_quota = 5\nstatus = 'suspended'"),
                vec![],
                [0, 0, 0, 1, 0],
                "a member that the file leaves out stays as it is, a suspension too",
            ),
            (
                &format!("{CURBSIDE}burst = 40\ndaily_quota = 'unlimited'\nenforce = false\ntoken_ttl = 3600"),
                CURBSIDE,
                vec!["~ curbside  burst 20 → 40, daily_quota 10000 → unlimited, enforce true → false"],
                [0, 1, 0, 0, 0],
                "a member that is as declared is not in the line",
            ),
            (
                &format!("{CURBSIDE}requests_per_second = 0.5\nburst = 20.0"),
                CURBSIDE,
                vec!["~ curbside  requests_per_second 10 → 0.5"],
                [0, 1, 0, 0, 0],
                "a rate may be below one, and 20.0 is 20",
            ),
            (&format!("{CURBSIDE}requests_per_second = 10.0"), CURBSIDE, vec![], [0, 0, 0, 1, 0], "10.0 is 10"),
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
                "a suspended client is resumed if the file says active",
            ),
            (
                &format!("{}status = 'suspended'", CURBSIDE.replace("'Curbside'", "'Kerbside'")),
                CURBSIDE,
                vec!["~ curbside  client_name \"Curbside\" → \"Kerbside\"", "~ curbside  suspend"],
                [0, 1, 0, 0, 0],
                "one changed client may take two steps",
            ),
            (
                CURBSIDE,
                &format!("{CURBSIDE}{QUAY}"),
                vec!["- quay  remove \"Quay\""],
                [0, 0, 1, 1, 0],
                "an undeclared client is removed",
            ),
        ] {
            let (declared, there) = (declared(file), registered(there));
            let plan = Plan::new(&declared, &there, Prune::Declared, &BTreeSet::new());
            assert_eq!(plan.steps.iter().map(Step::to_string).collect::<Vec<_>>(), lines, "{reason}");
            let Counts { add, change, remove, unchanged, undeclared, others } = plan.counts;
            assert_eq!([add, change, remove, unchanged, undeclared + others], counts, "{reason}");
            assert!(plan.notes.is_empty() && plan.broken_secrets.is_empty(), "{reason}");
        }
    }

    #[test]
    fn pruning_removes_what_it_says_but_never_a_client_in_use() {
        const BY_HAND: &str = "[[clients]]\nclient_id = 'hand'\nclient_name = 'By hand'\nscope = 'read:zones'\n";
        let mut there = registered(&format!("{BY_HAND}{CURBSIDE}{QUAY}"));
        there.get_mut("hand").unwrap().declared = false;
        let in_use = BTreeSet::from([ClientId::parse("quay").unwrap()]);
        let none = BTreeSet::new();
        for (prune, in_use, removed, [undeclared, others]) in [
            (Prune::Nothing, &none, vec![], [2, 1]),
            (Prune::Declared, &in_use, vec!["curbside"], [0, 1]),
            (Prune::Declared, &none, vec!["curbside", "quay"], [0, 1]),
            (Prune::All, &in_use, vec!["curbside", "hand"], [0, 0]),
        ] {
            let plan = Plan::new(&[], &there, prune, in_use);
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
        let plan = Plan::new(&declared, &there, Prune::Nothing, &BTreeSet::new());
        assert_eq!(plan.steps[0].to_string(), "~ curbside  declared false → true");
        let Step::Change(_, changes) = &plan.steps[0] else { unreachable!("a change") };
        assert_eq!(Value::Object(Step::patch(changes)), json!({ "declared": true }));
    }

    #[test]
    fn a_new_secret_is_rotated_in_and_an_old_one_never_comes_back() {
        let file = format!("{CURBSIDE}secret = {{ env = 'OWN' }}");
        let declared_clients = declared(&file);
        for (standing, steps, notes, reason) in [
            (SecretStanding::Current, 0, 0, "the client has it"),
            (SecretStanding::Unknown, 1, 0, "it is new"),
            (SecretStanding::Former, 0, 1, "it may have been stolen"),
        ] {
            let mut there = registered(CURBSIDE);
            for client in there.values_mut() {
                client.declared_secret = standing;
            }
            let plan = Plan::new(&declared_clients, &there, Prune::Nothing, &BTreeSet::new());
            assert_eq!((plan.steps.len(), plan.notes.len()), (steps, notes), "{reason}");
        }
        let undeclared = declared(CURBSIDE);
        assert!(Plan::new(&undeclared, &registered(CURBSIDE), Prune::Nothing, &BTreeSet::new()).steps.is_empty());
        let generate = declared(&format!("{CURBSIDE}secret = 'generate'"));
        let mut there = registered(CURBSIDE);
        // No client has a secret that is not generated yet.
        for client in there.values_mut() {
            client.declared_secret = SecretStanding::Unknown;
        }
        let plan = Plan::new(&generate, &there, Prune::Nothing, &BTreeSet::new());
        assert_eq!(plan.steps[0].to_string(), "~ curbside  rotate its secret to the one in /nowhere/curbside.json");
    }

    #[test]
    fn a_weak_secret_is_refused_unless_the_client_has_it_already() {
        let file = format!("{CURBSIDE}secret = {{ env = 'GUESSABLE' }}");
        let declared_clients = declared(&file);
        let says = "curbside: the secret in the variable GUESSABLE is easy to guess";
        let mut there = registered(&file);
        let plan = Plan::new(&declared_clients, &there, Prune::Nothing, &BTreeSet::new());
        assert!(plan.steps.is_empty() && plan.weak_secrets().is_empty(), "{plan:?}");
        assert!(matches!(&plan.notes[..], [note] if note.starts_with(says)), "{plan:?}");
        there.get_mut("curbside").unwrap().declared_secret = SecretStanding::Unknown;
        for (there, reason) in [(&there, "a rotation"), (&BTreeMap::new(), "a registration")] {
            let plan = Plan::new(&declared_clients, there, Prune::Nothing, &BTreeSet::new());
            assert!(matches!(&plan.weak_secrets()[..], [weak] if weak.starts_with(says)), "{reason}: {plan:?}");
            assert!(plan.notes.is_empty(), "{reason}: {plan:?}");
            let client = &declared_clients[0];
            let refused = client.secret.load_or_generate(&client.client_id, "https://localhost").map(drop);
            assert!(refused.unwrap_err().to_string().starts_with(says), "{reason}");
        }
    }

    #[test]
    fn json_has_the_same_plan() {
        let declared = declared(&format!("{CURBSIDE}burst = 40\n{QUAY}"));
        let plan = Plan::new(&declared, &registered(CURBSIDE), Prune::Declared, &BTreeSet::new());
        assert_eq!(
            serde_json::to_value(plan.to_json()).unwrap(),
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
    fn a_large_number_has_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (9_996, "9,996"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
