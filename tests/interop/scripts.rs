//! Libraries of Python and Node. Each script prints what it got.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{AUDIENCE, demo_secret};
use crate::{Sandbox, output};

const CLIENT: &str = "demo-reader";

#[test]
fn authlib_gets_a_token_and_another_when_it_has_expired() {
    let sandbox = Sandbox::start(&[("BOOMGATE_DEFAULT_AUDIENCE", AUDIENCE)]);
    assert_eq!(
        python(&sandbox, "authlib_client"),
        "client_secret_basic Bearer read:zones 2\n\
         client_secret_post Bearer read:zones 2\n"
    );
}

#[test]
fn requests_oauthlib_gets_a_token_and_pyjwt_validates_it() {
    let sandbox = Sandbox::start(&[]);
    let printed = python(&sandbox, "requests_oauthlib_client");
    assert_eq!(printed, "Bearer ['read:zones'] 2\nat+jwt ES256 True 3600\n");
}

#[test]
fn python_accepts_the_certificate_with_x509_strict() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(python(&sandbox, "strict_tls"), "localhost 200 TLSv1.3\n127.0.0.1 200 TLSv1.3\n");
}

#[test]
fn oauth4webapi_discovers_gets_uses_validates_introspects_and_revokes() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(
        node(&sandbox, "oauth4webapi"),
        "ClientSecretBasic bearer 3600 read:zones 2\n\
         true read:zones true true\n\
         401 bearer invalid_token\n\
         ClientSecretPost bearer 3600 read:zones 2\n\
         true read:zones true true\n\
         401 bearer invalid_token\n\
         401 basic invalid_client\n"
    );
}

#[test]
fn openid_client_needs_nothing_but_discovery() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(node(&sandbox, "openid_client"), "bearer true read:zones 2\nfalse\n");
}

#[test]
fn the_validators_of_authlib_idpyoidc_and_mcp_take_the_metadata() {
    let sandbox = Sandbox::start(&[]);
    let partner = ["/", "/v3", "/parking/zones", "/shared/zones", "/v3/parking/zones", "/v3/shared/zones"];
    let of_client = ["/oauth2/usage", "/v3/oauth2/usage", "/oauth2/report", "/v3/oauth2/report"];
    let partner = partner.into_iter().chain(of_client).chain(["/oauth2/refusals", "/v3/oauth2/refusals"]);
    let partner = partner.map(|path| format!("{path} read:zones write:zones\n")).collect::<Vec<_>>().concat();
    let administration = "/admin read:admin write:admin\n/metrics read:admin write:admin\n";
    assert_eq!(python(&sandbox, "metadata"), format!("authorization server 14\n{partner}{administration}"));
}

#[test]
fn openapi_spec_validator_takes_the_document_and_every_example_fits_its_schema() {
    let sandbox = Sandbox::start(&[]);
    let printed = python(&sandbox, "openapi_document");
    println!("{printed}");
}

#[test]
fn schemathesis_finds_no_answer_that_the_document_does_not_allow() {
    let sandbox = Sandbox::start(&[
        ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
        ("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0"),
        ("BOOMGATE_FAILED_AUTHENTICATIONS__PER_MINUTE", "1000000"),
        ("BOOMGATE_FAILED_AUTHENTICATIONS__BURST", "1000000"),
    ]);
    println!("{}", python(&sandbox, "openapi_schemathesis"));
}

#[test]
fn the_client_of_mcp_needs_nothing_but_a_resource() {
    let sandbox = Sandbox::start(&[("BOOMGATE_DEFAULT_AUDIENCE", AUDIENCE)]);
    assert_eq!(
        python(&sandbox, "mcp_client"),
        "/parking/zones 200 read:zones 2\n\
         /v3/shared/zones 200 read:zones 2\n"
    );
}

#[test]
fn oauth4webapi_and_openid_client_discover_resources_and_their_authorization_server() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(
        node(&sandbox, "metadata"),
        "/parking/zones true read:zones write:zones\n\
         /v3/shared/zones true read:zones write:zones\n\
         /admin true read:admin write:admin\n\
         /metrics true read:admin write:admin\n\
         / true read:zones write:zones\n\
         oauth2 true read:zones\n\
         oidc true read:zones\n"
    );
}

#[test]
fn simple_oauth2_gets_a_token_and_jose_validates_it() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(
        node(&sandbox, "simple_oauth2"),
        "header false read:zones 2\nES256 true\n\
         body false read:zones 2\nES256 true\n"
    );
}

#[test]
fn node_accepts_the_certificate_in_both_versions_of_tls() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(
        node(&sandbox, "tls"),
        "true TLSv1.2 h2\ntrue TLSv1.2 http/1.1\n\
         true TLSv1.3 h2\ntrue TLSv1.3 http/1.1\n"
    );
}

fn python(sandbox: &Sandbox, script: &str) -> String {
    let python = installed("target/interop/venv").join("bin/python");
    run(sandbox, &python, &format!("python/{script}.py"))
}

fn node(sandbox: &Sandbox, script: &str) -> String {
    installed("tests/interop/node_modules");
    run(sandbox, Path::new("node"), &format!("node/{script}.mjs"))
}

/// A folder that the Makefile has filled.
pub(crate) fn installed(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert!(folder.join("ready").exists(), "{} is not complete: run `make interop-setup`", folder.display());
    folder
}

/// The certificate is trusted as the start-up text says, through the environment.
fn run(sandbox: &Sandbox, program: &Path, script: &str) -> String {
    let ca = sandbox.site.ca_path();
    let mut command = Command::new(program);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script))
        .env("BASE", &sandbox.site.base)
        .env("AUDIENCE", AUDIENCE)
        .env("CLIENT_ID", CLIENT)
        .env("CLIENT_SECRET", demo_secret(CLIENT))
        .env("ADMIN_SECRET", demo_secret("demo-admin"))
        .env("SSL_CERT_FILE", &ca)
        .env("REQUESTS_CA_BUNDLE", &ca)
        .env("NODE_EXTRA_CA_CERTS", &ca)
        .env("NO_PROXY", "*");
    output(&mut command)
}
