//! The route table: every path of this server, its methods, who may call each, and a sentence on what it does.
//!
//! Whatever must agree on the routes is made from these rows: what actix serves, `Allow` and 405 ([`super::router`]), the
//! route labels of the metrics, the OpenAPI document, and the test that every route asks for its right.
//!
//! [`Admits`] ties the right of a row to the first argument of its handler. For rows that ask for no scope,
//! `tests/api/protection.rs` checks it.

mod by_path;

use std::borrow::Cow;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, guard, web};

use crate::admission::Right;
use crate::http::admin::{
    activity, audit, clients, health as admin_health, keys, refusals as all_refusals, reports, revocations, secrets,
    usage as client_usage,
};
use crate::http::authorized::{AnyPartner, Authorized, ReadAdmin, ReadZones, Required, WriteAdmin, WriteZones};
use crate::http::oauth_endpoint::OauthEndpoint;
use crate::http::sandbox::control::Control;
use crate::http::sandbox::{SANDBOX, clock, control_token, faults, report, requests, snapshots, tokens, troubles};
use crate::http::{
    api_document, health, introspect, metadata, metrics, own_report, pages, parking, refusals, revoke, token, usage,
};
use crate::oauth::resource::{METADATA_PATH, Resource};

pub use self::by_path::scoped_operations;
pub(crate) use self::by_path::{is_page, needed_scope};

/// What partners' routes are served under, beside `/`.
pub const VERSION: &str = "/v3";
/// What the administration is served under.
pub(super) const ADMIN: &str = "/admin";

/// Every route, in the order of the documentation.
#[must_use]
#[rustfmt::skip]
#[allow(clippy::too_many_lines, reason = "a table has a row for each route")]
pub fn table() -> Vec<Route> {
    vec![
        partner("/shared/access-tokens")
            .on(Method::POST, AuthenticatedClient, token::documented, "issueToken", "Issues an access token."),
        partner("/oauth2/token")
            .on(Method::POST, AuthenticatedClient, token::strict, "issueStandardToken", "Issues an access token, with the members of RFC 6749 alone."),
        partner("/oauth2/revoke")
            .on(Method::POST, AuthenticatedClient, revoke::revoke, "revokeToken", "Revokes an access token of the client."),
        partner("/oauth2/introspect")
            .on(Method::POST, AuthenticatedClient, introspect::introspect, "introspectToken", "Says whether a token is active, and what it grants."),
        partner("/oauth2/usage")
            .on(Method::GET, AnyToken, usage::usage, "getOwnUsage", "Shows what the client has used of its limits."),

        partner("/oauth2/report")
            .on(Method::GET, AnyToken, own_report::show, "getOwnReport", "Shows whether the client has to show a report, and which one it has shown.")
            .on(Method::PUT, AnyPartner, own_report::present, "presentOwnReport", "Shows the report of the client by its passport."),

        partner("/parking/zones").alias("/shared/zones")
            .on(Method::GET, ReadZones, parking::list, "listZones", "Lists zones, a page at a time.")
            .on(Method::POST, WriteZones, parking::create, "createZone", "Creates a zone."),
        partner("/parking/zones/{id}").alias("/shared/zones/{id}").most_requested()
            .on(Method::GET, ReadZones, parking::show, "getZone", "Shows a zone.")
            .on(Method::PUT, WriteZones, parking::replace, "replaceZone", "Replaces a zone.")
            .on(Method::PATCH, WriteZones, parking::merge, "updateZone", "Changes some members of a zone.")
            .on(Method::DELETE, WriteZones, parking::delete, "deleteZone", "Deletes a zone."),
        partner("/oauth2/refusals/{request_id}")
            .on(Method::GET, AnyToken, refusals::own, "getOwnRefusal", "Says why a request of the client was refused, and what would have passed."),

        admin("/clients")
            .on(Method::GET, ReadAdmin, clients::list, "listClients", "Lists clients, a page at a time.")
            .on(Method::POST, WriteAdmin, clients::register, "registerClient", "Registers a client."),
        admin("/clients/{client_id}")
            .on(Method::GET, ReadAdmin, clients::show, "getClient", "Shows a client.")
            .on(Method::PATCH, WriteAdmin, clients::change, "updateClient", "Changes some members of a client.")
            .on(Method::DELETE, WriteAdmin, clients::delete, "deleteClient", "Deletes a client, its secrets and its tokens."),
        admin("/clients/{client_id}/secrets")
            .on(Method::POST, WriteAdmin, secrets::rotate, "rotateSecret", "Gives a client a new secret."),
        admin("/clients/{client_id}/secrets/{secret_id}")
            .on(Method::DELETE, WriteAdmin, secrets::delete, "deleteSecret", "Deletes a secret of a client."),
        admin("/clients/{client_id}/revoke-tokens")
            .on(Method::POST, WriteAdmin, secrets::revoke_tokens, "revokeClientTokens", "Revokes every token of a client."),
        admin("/clients/{client_id}/usage")
            .on(Method::GET, ReadAdmin, client_usage::usage, "getClientUsage", "Shows what a client has used of its daily quota."),
        admin("/clients/{client_id}/activity")
            .on(Method::GET, ReadAdmin, activity::show, "getClientActivity", "Shows the requests of a client in the last 15 minutes."),
        admin("/activity")
            .on(Method::GET, ReadAdmin, activity::list, "listActivity", "Lists what clients do now, a page at a time."),
        admin("/clients/{client_id}/report")
            .on(Method::GET, ReadAdmin, reports::show, "getReport", "Shows whether a client has to show a report, and which one it has shown.")
            .on(Method::PUT, WriteAdmin, reports::present, "presentReport", "Shows the report of a client by its passport.")
            .on(Method::DELETE, WriteAdmin, reports::withdraw, "withdrawReport", "Withdraws the report of a client."),
        admin("/reports/sign")
            .on(Method::POST, WriteAdmin, reports::sign, "signReport", "Signs the report of an exam, and answers with its passport."),
        admin("/secrets/check")
            .on(Method::POST, WriteAdmin, secrets::check, "checkSecrets", "Says whether secrets are current, former or unknown."),
        admin("/terms")
            .on(Method::GET, ReadAdmin, clients::policy, "getTerms", "Shows what clients may be registered with."),
        admin("/revocations")
            .on(Method::POST, WriteAdmin, revocations::revoke, "revokeAnyToken", "Revokes one token of any client."),
        admin("/keys")
            .on(Method::GET, ReadAdmin, keys::list, "listKeys", "Lists the signing keys."),
        admin("/keys/rotate")
            .on(Method::POST, WriteAdmin, keys::rotate, "rotateKeys", "Creates the next signing key."),
        admin("/keys/import")
            .on(Method::POST, WriteAdmin, keys::import, "importKey", "Imports an RSA key as the next signing key."),
        admin("/keys/{kid}")
            .on(Method::GET, ReadAdmin, keys::show, "getKey", "Shows a signing key.")
            .on(Method::DELETE, WriteAdmin, keys::revoke, "revokeKey", "Revokes a signing key and every token that it signed."),
        admin("/audit")
            .on(Method::GET, ReadAdmin, audit::list, "listAuditEntries", "Lists audit entries, a page at a time."),
        admin("/refusals")
            .on(Method::GET, ReadAdmin, all_refusals::list, "listRefusals", "Lists the last requests that were refused, a page at a time."),
        admin("/refusals/{request_id}")
            .on(Method::GET, ReadAdmin, all_refusals::show, "getRefusal", "Says why a request was refused, and what would have passed."),
        admin("/health")
            .on(Method::GET, ReadAdmin, admin_health::show, "getHealth", "Says how the server is, and what doctor finds."),
        root("/metrics")
            .on(Method::GET, ReadAdmin, metrics::guarded, "getMetrics", "Shows the metrics, in Prometheus's text format."),

        root("/.well-known/oauth-authorization-server")
            .document(metadata::authorization_server, "getServerMetadata", "Describes the authorization server (RFC 8414)."),
        root("/.well-known/openid-configuration")
            .document(metadata::openid_provider, "getOpenIdConfiguration", "Describes the authorization server to OpenID Connect clients."),
        root("/.well-known/jwks.json")
            .document(metadata::jwk_set, "getJwkSet", "Lists the public keys that verify tokens (RFC 7517)."),
        protected_resources()
            .document(metadata::protected_resource, "getResourceMetadata", "Describes a protected resource (RFC 9728)."),
        root("/openapi.json")
            .document(api_document::show, "getOpenApi", "Describes every operation of this server (OpenAPI 3.1)."),
        root("/oauth2/authorize")
            .on(Method::GET, Public, metadata::no_sign_in, "authorize", "Says that this server has no sign-in page."),
        root("/problems/{kind}")
            .on(Method::GET, Public, pages::problem, "getProblemPage", "Explains a kind of problem."),
        root("/livez").also_for_operators()
            .on(Method::GET, Public, health::livez, "getLiveness", "Says that the process is up."),
        root("/readyz").also_for_operators()
            .on(Method::GET, Public, health::readyz, "getReadiness", "Says whether the server can serve."),

        page("/")
            .on(Method::GET, Public, pages::start, "getStartPage", "Lets people try the API."),
        page("/problems")
            .on(Method::GET, Public, pages::problems, "getProblemPages", "Lists the kinds of problem."),
        console("/console").alias("/console/{view}").alias("/console/{view}/{name}").alias("/console/{view}/{name}/{part}")
            .on(Method::GET, Public, pages::console, "getConsole", "Lets operators run the server."),
        page("/docs")
            .on(Method::GET, Public, pages::reference, "getReference", "Shows every operation."),
        page("/guide")
            .on(Method::GET, Public, pages::guide, "getGuide", "Shows the documentation."),
        page("/guide/{page}")
            .on(Method::GET, Public, pages::guide_page, "getGuidePage", "Shows a page of the documentation."),
        page("/guide/{folder}/{page}")
            .on(Method::GET, Public, pages::guide_folder_page, "getGuideFolderPage", "Shows a page of the documentation that is in a folder."),
        page("/why/{request_id}")
            .on(Method::GET, Public, pages::why, "getWhyPage", "Says why a request was refused."),
        page("/static/{digest}/{path:.*}")
            .on(Method::GET, Public, pages::assets::show, "getStaticFile", "A file that pages load."),
        page("/favicon.ico")
            .on(Method::GET, Public, pages::assets::icon, "getIcon", "The icon, for what is no page."),

        sandbox("/control-token")
            .on(Method::GET, Public, control_token::show, "getControlToken", "Gives the control token to a page of the sandbox, for the user who runs it."),
        sandbox("/clock")
            .on(Method::GET, ControlToken, clock::show, "getClock", "Shows the sandbox's clock."),
        sandbox("/clock/advance")
            .on(Method::POST, ControlToken, clock::advance, "advanceClock", "Moves the clock forward by a span."),
        sandbox("/clock/set")
            .on(Method::POST, ControlToken, clock::set, "setClock", "Moves the clock forward to a moment."),
        sandbox("/clock/freeze")
            .on(Method::POST, ControlToken, clock::freeze, "freezeClock", "Lets the clock stand."),
        sandbox("/clock/resume")
            .on(Method::POST, ControlToken, clock::resume, "resumeClock", "Lets the clock run on."),
        sandbox("/faults")
            .on(Method::GET, ControlToken, faults::list, "listFaults", "Lists the rules for faults, in the order in which they are tried.")
            .on(Method::POST, ControlToken, faults::add, "addFaults", "Adds a rule, or several.")
            .on(Method::DELETE, ControlToken, faults::clear, "clearFaults", "Removes every rule."),
        sandbox("/faults/{name}")
            .on(Method::GET, ControlToken, faults::show, "getFault", "Shows a rule.")
            .on(Method::PATCH, ControlToken, faults::change, "changeFault", "Changes some members of a rule.")
            .on(Method::DELETE, ControlToken, faults::remove, "removeFault", "Removes a rule."),
        sandbox("/requests")
            .on(Method::GET, ControlToken, requests::list, "listRequests", "Lists the requests of the journal, or sends each as it is recorded.")
            .on(Method::DELETE, ControlToken, requests::clear, "clearRequests", "Forgets every request."),
        sandbox("/requests/find")
            .on(Method::POST, ControlToken, requests::find, "findRequests", "Finds requests, with all that there is of each.")
            .on(Method::GET, ControlToken, requests::show, "getRequestNamedFind", "Shows the request whose id is find."),
        sandbox("/requests/count")
            .on(Method::POST, ControlToken, requests::count, "countRequests", "Counts requests.")
            .on(Method::GET, ControlToken, requests::show, "getRequestNamedCount", "Shows the request whose id is count."),
        sandbox("/requests/{request_id}")
            .on(Method::GET, ControlToken, requests::show, "getRequest", "Shows all that there is of a request."),
        sandbox("/requests/{request_id}/why")
            .on(Method::GET, ControlToken, requests::why, "explainRequest", "Shows each check of a request, and what would have let it through."),
        sandbox("/snapshots")
            .on(Method::GET, ControlToken, snapshots::list, "listSnapshots", "Lists the states that were saved."),
        sandbox("/snapshots/{name}")
            .on(Method::PUT, ControlToken, snapshots::save, "saveSnapshot", "Saves the state of the sandbox under a name.")
            .on(Method::DELETE, ControlToken, snapshots::remove, "removeSnapshot", "Removes a saved state."),
        sandbox("/snapshots/{name}/restore")
            .on(Method::POST, ControlToken, snapshots::restore, "restoreSnapshot", "Goes back to a saved state."),
        sandbox("/reset")
            .on(Method::POST, ControlToken, snapshots::reset, "resetSandbox", "Goes back to the demo clients and the sample zones."),
        sandbox("/troubles")
            .on(Method::GET, ControlToken, troubles::list, "listTroubles", "Lists the troubles, and says which are on.")
            .on(Method::DELETE, ControlToken, troubles::clear, "clearTroubles", "Undoes every trouble that is on."),
        sandbox("/troubles/{name}")
            .on(Method::POST, ControlToken, troubles::start, "startTrouble", "Makes a trouble happen."),
        sandbox("/tokens")
            .on(Method::POST, ControlToken, tokens::forge, "forgeToken", "Makes a token that is wrong in one way."),

        sandbox("/report/{client_id}")
            .on(Method::GET, ControlToken, report::show, "getReport", "Judges what the journal has of a client."),

        operators("/metrics")
            .on(Method::GET, Public, metrics::open, "getOpenMetrics", "Shows the metrics on the port for operators."),
    ]
}

/// A row: a path, or several that mean the same, and the operations there.
pub struct Route {
    place: Place,
    /// The main one first; without the prefix of a version.
    paths: Vec<String>,
    operations: Vec<Operation>,
    is_most_requested: bool,
    is_also_for_operators: bool,
}

/// Where a route is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over TLS, at `/` and under `/v3`: what partners call.
    Partner,
    /// Over TLS, under `/admin`.
    Admin,
    /// Over TLS, at `/` alone.
    Root,
    /// Over TLS, at `/` alone: what people look at in a browser.
    Page,
    /// The same, if the server has a console.
    Console,
    /// Over TLS, under `/sandbox`, if the server is a sandbox.
    Sandbox,
    /// On the port for operators.
    Operators,
}

/// One method of a route.
pub struct Operation {
    /// Its method. What answers GET answers HEAD too.
    pub method: Method,
    /// Who may call it.
    pub access: Access,
    /// Its name in the OpenAPI document.
    pub id: Cow<'static, str>,
    /// What it does, in a sentence.
    pub summary: &'static str,
    handler: Box<dyn Fn() -> actix_web::Route>,
}

/// Who may call an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A client that authenticates itself in the body or with HTTP Basic.
    Client,
    /// A client whose token has this right.
    Token(Right),
    /// A caller with the control token of the sandbox.
    Sandbox,
}

/// A right that a handler with the arguments `Args` may be listed under. A scope or client authentication goes only with a
/// first argument that requires the same. [`Public`] and [`AnyToken`] go with any handler.
trait Admits<Args> {
    const ACCESS: Access;
}

/// For [`Access::Public`].
struct Public;
/// For [`Access::Client`].
struct AuthenticatedClient;
/// Any token of the partner API, of which nothing is spent.
struct AnyToken;
/// For [`Access::Sandbox`].
struct ControlToken;

impl<Args> Admits<Args> for Public {
    const ACCESS: Access = Access::Public;
}

impl<Args> Admits<Args> for AnyToken {
    const ACCESS: Access = Access::Token(AnyPartner::RIGHT);
}

/// For a number of arguments behind the first. A handler has six at most.
macro_rules! admits {
    ($($argument:ident)*) => {
        impl<R: Required, $($argument),*> Admits<(Authorized<R>, $($argument),*)> for R {
            const ACCESS: Access = Access::Token(R::RIGHT);
        }

        impl<$($argument),*> Admits<(OauthEndpoint, $($argument),*)> for AuthenticatedClient {
            const ACCESS: Access = Access::Client;
        }

        impl<$($argument),*> Admits<(Control, $($argument),*)> for ControlToken {
            const ACCESS: Access = Access::Sandbox;
        }
    };
}

admits!();
admits!(A);
admits!(A B);
admits!(A B C);
admits!(A B C D);
admits!(A B C D E);
admits!(A B C D E F);

fn partner(path: &str) -> Route {
    Route::new(Place::Partner, path)
}

/// `path` is below `/admin`.
fn admin(path: &str) -> Route {
    Route::new(Place::Admin, &format!("{ADMIN}{path}"))
}

fn root(path: &str) -> Route {
    Route::new(Place::Root, path)
}

fn page(path: &str) -> Route {
    Route::new(Place::Page, path)
}

fn console(path: &str) -> Route {
    Route::new(Place::Console, path)
}

/// The metadata of each protected resource, below one path.
fn protected_resources() -> Route {
    let [whole, parts @ ..] = Resource::ALL.map(|resource| format!("{METADATA_PATH}{}", resource.path));
    parts.iter().fold(root(&whole), |route, path| route.alias(path))
}

/// `path` is below `/sandbox`.
fn sandbox(path: &str) -> Route {
    Route::new(Place::Sandbox, &format!("{SANDBOX}{path}"))
}

fn operators(path: &str) -> Route {
    Route::new(Place::Operators, path)
}

impl Route {
    fn new(place: Place, path: &str) -> Self {
        let paths = vec![path.to_owned()];
        Self { place, paths, operations: Vec::new(), is_most_requested: false, is_also_for_operators: false }
    }

    /// At another path too.
    fn alias(mut self, path: &str) -> Self {
        self.paths.push(path.to_owned());
        self
    }

    fn most_requested(self) -> Self {
        Self { is_most_requested: true, ..self }
    }

    fn also_for_operators(self) -> Self {
        Self { is_also_for_operators: true, ..self }
    }

    /// Answers `method`, and HEAD if that is GET.
    fn on<R, F, Args>(mut self, method: Method, _: R, handler: F, id: &'static str, summary: &'static str) -> Self
    where
        R: Admits<Args>,
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        let asked = method.clone();
        let handler = Box::new(move || to_actix(&asked).to(handler.clone()));
        self.operations.push(Operation { method, access: R::ACCESS, id: id.into(), summary, handler });
        self
    }

    /// Answers GET and HEAD with what pages of any origin may read, and OPTIONS, by which their browsers ask first.
    fn document<F, Args>(self, handler: F, id: &'static str, summary: &'static str) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        let preflight = "Says that pages of any origin may read the document (CORS).";
        let mut route = self.on(Method::GET, Public, handler, id, summary);
        route = route.on(Method::OPTIONS, Public, metadata::preflight, id, preflight);
        route.operations.iter_mut().skip(1).for_each(|options| options.id.to_mut().push_str("Options"));
        route
    }

    /// Where it is served.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Whether the OpenAPI document has it: what partners and operators call over TLS.
    #[must_use]
    pub fn is_documented(&self) -> bool {
        !matches!(self.place, Place::Operators | Place::Page | Place::Console | Place::Sandbox)
    }

    /// Whether it is also served on the port for operators.
    #[must_use]
    pub fn is_for_operators(&self) -> bool {
        self.is_also_for_operators || self.place == Place::Operators
    }

    /// Whether to try it before all others.
    pub(super) fn is_most_requested(&self) -> bool {
        self.is_most_requested
    }

    /// Its paths, without the prefix of a version; the main one first.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// What it answers.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Who may call it: each of its operations has a right of the same kind.
    pub(super) fn access(&self) -> Access {
        self.operations.first().map_or(Access::Public, |operation| operation.access.clone())
    }

    /// Its methods, as the field `Allow` lists them.
    #[must_use]
    pub fn allow(&self) -> String {
        let names = |operation: &Operation| match operation.method {
            Method::GET => "GET, HEAD".to_owned(),
            ref other => other.to_string(),
        };
        self.operations.iter().map(names).collect::<Vec<_>>().join(", ")
    }
}

impl Operation {
    /// It as actix serves it.
    pub(super) fn to_actix(&self) -> actix_web::Route {
        (self.handler)()
    }
}

fn to_actix(method: &Method) -> actix_web::Route {
    match *method {
        Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        ref other => web::method(other.clone()),
    }
}
