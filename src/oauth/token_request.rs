//! An access token request (RFC 6749 section 4.4.2, with `audience` and RFC 8707's `resource`).

use zeroize::Zeroizing;

use crate::oauth::credentials::{AuthenticationFault, ClientAuthentication};
use crate::oauth::parameters::{InBody, ParameterFault, Parameters};
use crate::oauth::scope::Scope;

/// What a client asks for: well-formed, not yet believed.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Who asks.
    pub authentication: ClientAuthentication,
    /// The API set it wants to call; `None`, without a resource, leaves it to the configuration's default.
    pub audience: Option<String>,
    /// The same by the name that RFC 8707 gives it. Of several, one that the client may call will do.
    pub resources: Vec<String>,
    /// The scope it wants; `None` for all that it was assigned.
    pub scope: Option<Scope>,
}

/// Why a request to an OAuth endpoint cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The body's parameters cannot be read.
    Parameters(ParameterFault),
    /// The client authentication cannot be read.
    Authentication(AuthenticationFault),
    /// There is no `grant_type`.
    GrantTypeMissing,
    /// `grant_type` is not `client_credentials`.
    GrantTypeUnsupported,
    /// `scope` is not a scope.
    Scope,
    /// There is no `token` to revoke or introspect.
    TokenMissing,
}

/// A token request that nobody can be granted. Who sends it may prove itself all the same.
#[derive(Clone, Debug)]
pub struct UnfitRequest {
    /// What is wrong with it.
    pub fault: RequestFault,
    /// Who asks, where that can be read.
    pub authentication: Option<ClientAuthentication>,
}

impl TokenRequest {
    /// Reads a request from the values of all its `Authorization` headers and its body's parameters.
    pub fn parse<'r>(
        authorization: impl Iterator<Item = &'r [u8]>,
        mut parameters: Parameters,
    ) -> Result<Self, UnfitRequest> {
        let grant_type = match parameters.take("grant_type") {
            None => Err(RequestFault::GrantTypeMissing),
            Some(grant_type) if *grant_type != "client_credentials" => Err(RequestFault::GrantTypeUnsupported),
            Some(_) => Ok(()),
        };
        let authentication = match (grant_type, authentication(authorization, &mut parameters)) {
            (Ok(()), Ok(authentication)) => authentication,
            (Ok(()), Err(fault)) => return Err(UnfitRequest { fault, authentication: None }),
            (Err(fault), authentication) => return Err(UnfitRequest { fault, authentication: authentication.ok() }),
        };
        let audience = parameters.take("audience").map(|audience| audience.to_string());
        let resources = parameters.take_resources();
        match parameters.take("scope").map(|scope| Scope::parse(&scope)).transpose() {
            Ok(scope) => Ok(Self { authentication, audience, resources, scope }),
            Err(_) => Err(UnfitRequest { fault: RequestFault::Scope, authentication: Some(authentication) }),
        }
    }
}

/// A revocation or introspection request (RFC 7009 section 2.1, RFC 7662 section 2.1). Does not print: it
/// holds a token.
pub struct InspectionRequest {
    /// Who asks.
    pub authentication: ClientAuthentication,
    /// The token in question, if the request names one. `token_type_hint` is read and ignored: there is one type.
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

/// The request's one client authentication: Basic, or in the body. A `client_id` beside Basic is
/// allowed when it is the same (RFC 6749 section 3.2.1 lets a client identify itself so).
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
        TokenRequest::parse(basic.map(str::as_bytes).into_iter(), parameters).map_err(|unfit| unfit.fault)
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
