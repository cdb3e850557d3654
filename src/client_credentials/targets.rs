//! What a token request may name as its target.

use super::TokenError;
use crate::clients::Client;
use crate::oauth::audience::ADMIN_AUDIENCE;
use crate::oauth::resource::{Api, Resource};
use crate::oauth::scope::Scope;

/// What a token request may name as its target.
#[derive(Clone, Debug)]
pub struct Targets {
    /// This server's address. The identifiers of its resources start with it (see [`Resource`]).
    pub issuer: String,
    /// The audience of the partner API.
    pub public_audience: String,
    /// The audience of a request that names none.
    pub default_audience: Option<String>,
}

/// What a token request asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) audience: Option<String>,
    pub(super) resources: Vec<String>,
    /// `None` is all that the client was assigned.
    pub(super) scope: Option<Scope>,
}

impl Targets {
    /// The one audience of the token: the audience that the request names, or the first of its resources that the client
    /// was granted.
    pub(super) fn choose<'t>(&'t self, asked: &'t Asked, client: &Client) -> Result<&'t str, TokenError> {
        let Asked { audience, resources, .. } = asked;
        let mut resources = resources.iter().map(|resource| self.audience(resource));
        let is_granted = |audience: &&str| client.audience.iter().any(|granted| granted == audience);
        let chosen = match audience.as_deref().map(|audience| self.audience(audience)) {
            Some(audience) if resources.len() > 0 => {
                Some(resources.find(|resource| *resource == audience).ok_or(TokenError::TwoTargets)?)
            }
            None if resources.len() > 0 => resources.find(is_granted),
            Some(audience) => Some(audience),
            None => Some(self.audience(self.default_audience.as_deref().ok_or(TokenError::AudienceMissing)?)),
        };
        chosen.filter(is_granted).ok_or(TokenError::AudienceNotGranted)
    }

    /// Whether this is a name of this server itself.
    pub(super) fn knows(&self, named: &str) -> bool {
        let own = [Some(&self.public_audience), self.default_audience.as_ref()];
        own.into_iter().flatten().any(|own| own == named) || Resource::named(named, &self.issuer).is_some()
    }

    /// The audience of this name, which is an audience itself or the identifier of a resource.
    fn audience<'n>(&'n self, named: &'n str) -> &'n str {
        match Resource::named(named, &self.issuer).map(|resource| resource.api) {
            Some(Api::Partner) => &self.public_audience,
            Some(Api::Admin) => ADMIN_AUDIENCE,
            None => named,
        }
    }
}
