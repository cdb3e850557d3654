//! A secret or a token that a token request has in the wrong place: no refusal, explanation or journal shows it.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::harness::{AUDIENCE, READER, TestServer, WRITER, answer, basic, secret};

/// A secret without a prefix, which could be an identifier.
const CHOSEN: &str = "x7Kq9ZrLw3Vt8Bn5Yp2Mc4Gh6Dj1Fs0TaQe";

/// Parameters, the status of the answer, and whether the request proves its client.
type Row<'r> = (&'r [(&'static str, &'r str)], u16, bool);

/// A token request of the demo writer, with these parameters in place of its own.
fn form(changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", WRITER.to_owned()),
        ("client_secret", secret(WRITER)),
        ("audience", AUDIENCE.to_owned()),
    ];
    form.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
    form.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    form
}

/// All that the server shows of the request with this id, to its client, to an operator, and in the sandbox.
async fn shown(server: &TestServer, id: &str, is_proven: bool) -> String {
    let (admin, own) = (server.admin_token().await, server.token(WRITER).await);
    let mut shown = Vec::new();
    if is_proven {
        shown.push(server.get(&format!("/oauth2/refusals/{id}"), &own).await);
    }
    shown.push(server.get(&format!("/admin/refusals/{id}"), &admin).await);
    shown.push(server.get("/admin/refusals?limit=1", &admin).await);
    for path in ["", "/why"] {
        shown.push(server.control(Method::GET, &format!("/sandbox/requests/{id}{path}"), None).await);
    }
    assert!(shown.iter().all(|answer| answer.status == 200), "{shown:?}");
    shown.iter().map(|answer| answer.json().to_string()).collect()
}

#[tokio::test]
async fn a_secret_in_the_wrong_member_of_a_token_request_is_shown_nowhere() {
    let server = TestServer::start().await;
    let (token, control) = (server.token(READER).await, server.control_token());
    let mut number = 0;
    for hidden in [secret(READER).as_str(), token.as_str(), control.as_str()] {
        let url = format!("https://x.example/{hidden}");
        let in_scope = format!("read:zones {hidden}");
        let rows: [Row<'_>; 6] = [
            (&[("audience", hidden)], 400, true),
            (&[("scope", &in_scope)], 400, true),
            (&[("audience", ""), ("resource", &url)], 400, true),
            (&[("audience", ""), ("resource", hidden), ("scope", hidden)], 400, true),
            (&[("client_id", hidden), ("client_secret", WRITER)], 401, false),
            (&[("client_id", hidden), ("client_secret", hidden), ("audience", hidden)], 401, false),
        ];
        for (changes, status, is_proven) in rows {
            number += 1;
            let id = format!("misplaced-{number}");
            let request = server.request(Method::POST, "/oauth2/token").form(&form(changes));
            let refused = answer(request.header("x-request-id", &id)).await;
            assert_eq!(refused.status, status, "{changes:?} {refused:?}");
            let shown = shown(&server, &id, is_proven).await;
            // The signature of a token, and the middle of a secret.
            let part = hidden.rsplit('.').next().unwrap();
            assert!(!shown.contains(&part[12..part.len() - 6]), "{changes:?} {shown}");
        }
    }
}

#[tokio::test]
async fn swapped_credentials_do_not_show_the_secret_as_the_client() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let members =
        json!({ "client_id": "chosen", "client_secret": CHOSEN, "client_name": "Chosen", "scope": "read:zones" });
    let registered = server.post_json("/admin/clients", &admin, &members).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    for (number, (client_id, hidden)) in
        [(WRITER, secret(WRITER)), ("chosen", CHOSEN.to_owned())].into_iter().enumerate()
    {
        let id = format!("swapped-{number}");
        let (_, value) = basic(&hidden, client_id);
        let request = server.request(Method::POST, "/oauth2/token").header(AUTHORIZATION, value);
        let form = [("grant_type", "client_credentials"), ("audience", AUDIENCE)];
        assert_eq!(answer(request.header("x-request-id", &id).form(&form)).await.status, 401);
        let whole = server.control(Method::GET, &format!("/sandbox/requests/{id}"), None).await.json().to_string();
        assert!(!whole.contains(&hidden[12..30]), "{whole}");
        let refusal = server.get(&format!("/admin/refusals/{id}"), &admin).await;
        let why = server.control(Method::GET, &format!("/sandbox/requests/{id}/why"), None).await;
        for shown in [&refusal, &why] {
            let text = shown.json().to_string();
            assert!(!text.contains(&hidden[12..30]), "{text}");
            assert!(text.contains("what looks like a secret or a token in the place of the client_id"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_chosen_secret_in_the_place_of_the_client_id_shows_its_last_characters_alone() {
    let server = TestServer::start().await;
    let form = [("grant_type", "client_credentials"), ("client_id", CHOSEN), ("client_secret", "another")];
    let as_json = json!({ "grant_type": "client_credentials", "client_id": CHOSEN, "client_secret": "another" });
    let (_, as_basic) = basic(CHOSEN, "another");
    let ask = |path: &str| server.request(Method::POST, path);
    let requests = [
        ask("/oauth2/token").form(&form),
        ask("/shared/access-tokens").json(&as_json),
        ask("/oauth2/token").header(AUTHORIZATION, &as_basic).form(&form[..1]),
        // No walk looks at these.
        ask("/oauth2/revoke").header(AUTHORIZATION, &as_basic).form(&[("token", "a")]),
        ask("/oauth2/introspect").form(&form),
    ];
    let admin = server.admin_token().await;
    for (number, request) in requests.into_iter().enumerate() {
        let id = format!("in-place-{number}");
        let refused = answer(request.header("x-request-id", &id)).await;
        assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")), "{number}");
        let line = server.control(Method::GET, &format!("/sandbox/requests/{id}"), None).await.json();
        assert_eq!(line["client"], "[client_id:…TaQe]", "{line}");
        let mut shown = line.to_string();
        for path in [format!("/sandbox/requests/{id}/why"), "/sandbox/requests".to_owned()] {
            shown.push_str(&server.control(Method::GET, &path, None).await.json().to_string());
        }
        shown.push_str(&server.get("/admin/refusals", &admin).await.json().to_string());
        shown.push_str(&server.get(&format!("/admin/refusals/{id}"), &admin).await.json().to_string());
        assert!(!shown.contains(&CHOSEN[4..20]), "{shown}");
    }
}
