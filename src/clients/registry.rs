//! All clients in memory, found by their identifiers.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::client::Client;
use crate::oauth::credentials::ClientId;
use crate::store::{Keyspace, Projection};

/// The records of clients.
pub(super) const CLIENTS: Keyspace<Client> = Keyspace::new("clients");

/// The clients, and which of them are administrators, or have limits that depend on a report.
#[derive(Clone, Default)]
pub(super) struct Registry {
    pub(super) by_id: OrdMap<ClientId, Arc<Client>>,
    pub(super) administrators: OrdSet<ClientId>,
    pub(super) under_report: OrdSet<ClientId>,
}

impl Projection for Registry {
    type Record = Client;
    const KEYSPACE: Keyspace<Client> = CLIENTS;

    fn put(&mut self, id: &str, mut client: Client) {
        if client.is_for_administration() {
            self.administrators.insert(client.client_id.clone());
        } else {
            self.administrators.remove(id);
        }
        if client.report.is_some() {
            self.under_report.insert(client.client_id.clone());
        } else {
            self.under_report.remove(id);
        }
        // serde reserves four places for a list, and most clients have one secret.
        client.secrets.shrink_to_fit();
        // Most clients have the same scope and audience as their neighbour, and then share the text.
        if let Some((_, neighbour)) = self.by_id.get_prev(&client.client_id) {
            if neighbour.scope == client.scope {
                client.scope = neighbour.scope.clone();
            }
            if neighbour.audience == client.audience {
                client.audience = neighbour.audience.clone();
            }
        }
        self.by_id.insert(client.client_id.clone(), Arc::new(client));
    }

    fn delete(&mut self, id: &str) {
        self.administrators.remove(id);
        self.under_report.remove(id);
        self.by_id.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::client;
    use super::super::client_report::tests::report_until;
    use super::*;
    use crate::oauth::audience::ADMIN_AUDIENCE;
    use crate::oauth::scope::Scope;
    use crate::time::UnixSeconds;

    #[test]
    fn only_administrators_are_searched_for_an_administrator() {
        let mut registry = Registry::default();
        (0..100).for_each(|number| registry.put("", client(number)));
        let mut admin = client(7);
        admin.scope = Scope::parse("write:admin").unwrap();
        let id = admin.client_id.clone();
        registry.put(id.as_str(), admin.clone());
        assert!(registry.administrators.is_empty(), "the scope alone is not enough");
        admin.audience = ["public", ADMIN_AUDIENCE].map(str::to_owned).to_vec().into();
        registry.put(id.as_str(), admin.clone());
        assert_eq!(registry.administrators.iter().collect::<Vec<_>>(), [&id]);
        registry.put(id.as_str(), client(7));
        assert!(registry.administrators.is_empty(), "a narrowed scope is in force at once");
        registry.put(id.as_str(), admin);
        registry.delete(id.as_str());
        assert_eq!((registry.administrators.len(), registry.by_id.len()), (0, 99));
    }

    #[test]
    fn only_clients_under_a_report_are_searched_for_one_that_has_expired() {
        let mut registry = Registry::default();
        (0..100).for_each(|number| registry.put("", client(number)));
        let mut examined = client(7);
        let id = examined.client_id.clone();
        examined.show_report(report_until(UnixSeconds::new(100)));
        registry.put(id.as_str(), examined.clone());
        assert_eq!(registry.under_report.iter().collect::<Vec<_>>(), [&id]);
        registry.put(id.as_str(), client(7));
        assert!(registry.under_report.is_empty());
        registry.put(id.as_str(), examined);
        registry.delete(id.as_str());
        assert!(registry.under_report.is_empty());
    }

    #[test]
    fn clients_of_the_same_scope_and_audience_share_the_text() {
        let mut registry = Registry::default();
        (0..3).for_each(|number| registry.put("", client(number)));
        let mut other = client(1);
        other.scope = Scope::parse("write:zones").unwrap();
        other.audience = vec!["private".to_owned()].into();
        registry.put("", other.clone());
        registry.put("", client(3));
        let stored: Vec<&Client> = registry.by_id.values().map(|client| &**client).collect();
        assert_eq!(stored, [&client(0), &other, &client(2), &client(3)]);
        let words = |client: &Client| (client.scope.iter().next().unwrap().as_ptr(), client.audience.as_ptr());
        assert_eq!(words(stored[2]), words(stored[0]), "a change of a neighbour leaves the shared text as it was");
        assert_eq!(words(stored[3]), words(stored[2]));
    }
}
