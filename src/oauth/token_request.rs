//! An access token request (RFC 6749 section 4.4.2, with `audience` and RFC 8707's `resource`).

use zeroize::Zeroizing;

use crate::oauth::credentials::{AuthenticationFault, ClientAuthentication};
use crate::oauth::parameters::{InBody, ParameterFault, Parameters};
use crate::oauth::scope::Scope;

/// A well-formed request. Its client is not authenticated yet.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// How the client authenticates.
    pub authentication: ClientAuthentication,
    /// The API set that it wants to call; `None`, without a resource, means the configured default.
    pub audience: Option<String>,
    /// The same under the name of RFC 8707. If there are several, the client must be granted one of them.
    pub resources: Vec<String>,
    /// The scope that it wants; `None` means all that it was assigned.
    pub scope: Option<Scope>,
}

/// Why a request to an OAuth endpoint is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The body's parameters are malformed.
    Parameters(ParameterFault),
    /// The client authentication is malformed or missing.
    Authentication(AuthenticationFault),
    /// `grant_type` is missing.
    GrantTypeMissing,
    /// `grant_type` is not `client_credentials`.
    GrantTypeUnsupported,
    /// `scope` is not a scope.
    Scope,
    /// `token`, to revoke or introspect, is missing.
    TokenMissing,
}

/// A malformed token request. Its client may still authenticate.
#[derive(Clone, Debug)]
pub struct MalformedRequest {
    /// The fault.
    pub fault: RequestFault,
    /// How the client authenticates, if that part is well-formed.
    pub authentication: Option<ClientAuthentication>,
}

impl TokenRequest {
    /// Reads a request from the values of all its `Authorization` headers and its body's parameters.
    pub fn parse<'r>(
        authorization: impl Iterator<Item = &'r [u8]>,
        mut parameters: Parameters,
    ) -> Result<Self, MalformedRequest> {
        let grant_type = match parameters.take("grant_type") {
            None => Err(RequestFault::GrantTypeMissing),
            Some(grant_type) if *grant_type != "client_credentials" => Err(RequestFault::GrantTypeUnsupported),
            Some(_) => Ok(()),
        };
        let authentication = match (grant_type, authentication(authorization, &mut parameters)) {
            (Ok(()), Ok(authentication)) => authentication,
            (Ok(()), Err(fault)) => return Err(MalformedRequest { fault, authentication: None }),
            (Err(fault), authentication) => {
                return Err(MalformedRequest { fault, authentication: authentication.ok() });
            }
        };
        let audience = parameters.take("audience").map(|audience| audience.to_string());
        let resources = parameters.take_resources();
        match parameters.take("scope").map(|scope| Scope::parse(&scope)).transpose() {
            Ok(scope) => Ok(Self { authentication, audience, resources, scope }),
            Err(_) => Err(MalformedRequest { fault: RequestFault::Scope, authentication: Some(authentication) }),
        }
    }
}

/// A revocation or introspection request (RFC 7009 section 2.1, RFC 7662 section 2.1). Does not print: it
/// holds a token.
pub struct InspectionRequest {
    /// How the client authenticates.
    pub authentication: ClientAuthentication,
    /// The token to revoke or introspect, if there is one. `token_type_hint` is ignored: this server has one type of token.
    pub token: Option<Zeroizing<String>>,
}

impl InspectionRequest {
    /// Reads a request from the values of all its `Authorization` headers and its body's parameters.
    pub fn parse<'r>(
        authorization: impl Iterator<Item = &'r [u8]>,
        mut parameters: Parameters,
    ) -> Result<Self, RequestFault> {
        let authentication = authentication(authorization, &mut parameters)?;
        Ok(Self { authentication, token: parameters.take("token") })
    }
}

/// The one client authentication of a request: Basic, or in the body. With Basic, the body may contain the same
/// `client_id` (RFC 6749 section 3.2.1 lets a client identify itself so).
fn authentication<'r>(
    authorization: impl Iterator<Item = &'r [u8]>,
    parameters: &mut Parameters,
) -> Result<ClientAuthentication, RequestFault> {
    let from_headers = ClientAuthentication::from_headers(authorization).map_err(RequestFault::Authentication)?;
    match (from_headers, parameters.take_credentials()) {
        (Some(basic), InBody::Nothing) => Ok(basic),
        (Some(basic), InBody::Id(client_id)) if *client_id == basic.client_id() => Ok(basic),
        (Some(_), _) => Err(RequestFault::Authentication(AuthenticationFault::Repeated)),
        (None, InBody::Whole(authentication)) => Ok(authentication),
        (None, _) => Err(RequestFault::Authentication(AuthenticationFault::Missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::parameters::Format;

    const BASIC: &str = "Basic YTpi"; // a:b

    fn parse(basic: Option<&str>, form: &str) -> Result<TokenRequest, RequestFault> {
        let parameters = Parameters::parse(Format::Form, form.as_bytes()).unwrap();
        TokenRequest::parse(basic.map(str::as_bytes).into_iter(), parameters).map_err(|malformed| malformed.fault)
    }

    #[test]
    fn credentials_are_in_the_header_or_in_the_body_but_not_in_both() {
        let repeated = RequestFault::Authentication(AuthenticationFault::Repeated);
        let missing = RequestFault::Authentication(AuthenticationFault::Missing);
        for (basic, form, outcome) in [
            (Some(BASIC), "", Ok("basic")),
            (Some(BASIC), "&client_id=a", Ok("basic")),
            (None, "&client_id=a&client_secret=b", Ok("post")),
            (Some(BASIC), "&client_id=a&client_secret=b", Err(repeated.clone())),
            (Some(BASIC), "&client_id=other", Err(repeated.clone())),
            (Some(BASIC), "&client_secret=b", Err(repeated)),
            (None, "&client_id=a", Err(missing.clone())),
            (None, "&client_secret=b", Err(missing.clone())),
            (None, "&client_id=a&client_secret=", Err(missing)),
        ] {
            let read = parse(basic, &format!("grant_type=client_credentials{form}"));
            let method = read.map(|request| match request.authentication {
                ClientAuthentication::ClientSecretBasic(_) => "basic",
                ClientAuthentication::ClientSecretPost(_) => "post",
            });
            assert_eq!(method, outcome, "{basic:?} {form}");
        }
    }

    #[test]
    fn the_grant_type_is_client_credentials() {
        for (form, fault) in [
            ("", RequestFault::GrantTypeMissing),
            ("grant_type=", RequestFault::GrantTypeMissing),
            ("grant_type=password", RequestFault::GrantTypeUnsupported),
            ("grant_type=Client_Credentials", RequestFault::GrantTypeUnsupported),
            ("grant_type=client_credentials&scope=a++b", RequestFault::Scope),
        ] {
            assert_eq!(parse(Some(BASIC), form).unwrap_err(), fault, "{form}");
        }
    }
}
