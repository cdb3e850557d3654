//! The `oauth2` crate: its own parser of answers and errors.

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{AuthType, ClientId, ClientSecret, RequestTokenError, Scope, TokenResponse as _, TokenUrl};
use serde_json::Value;

use crate::Sandbox;
use crate::process::{AUDIENCE, demo_secret};

#[tokio::test]
async fn the_oauth2_crate_gets_and_uses_a_token_with_basic_and_with_body_authentication() {
    let sandbox = Sandbox::start(&[]);
    let http = sandbox.site.client(true);
    for authentication in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new("demo-writer".to_owned()))
            .set_client_secret(ClientSecret::new(demo_secret("demo-writer").to_owned()))
            .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", sandbox.site.base)).unwrap())
            .set_auth_type(authentication);
        let request = client.exchange_client_credentials().add_extra_param("audience", AUDIENCE);
        let token = request.add_scope(Scope::new("read:zones".to_owned())).request_async(&http).await.unwrap();
        assert_eq!(token.expires_in().map(|expires_in| expires_in.as_secs()), Some(3_600));
        assert_eq!(token.scopes(), Some(&vec![Scope::new("read:zones".to_owned())]));

        let zones = http.get(format!("{}/parking/zones?limit=2", sandbox.site.base));
        let zones = zones.bearer_auth(token.access_token().secret()).send().await.unwrap();
        assert_eq!(zones.json::<Value>().await.unwrap()["data"].as_array().map(Vec::len), Some(2));

        let refused = client
            .exchange_client_credentials()
            .add_extra_param("audience", AUDIENCE)
            .add_scope(Scope::new("write:admin".to_owned()))
            .request_async(&http)
            .await;
        let Err(RequestTokenError::ServerResponse(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.error(), &BasicErrorResponseType::InvalidScope);
    }
}
