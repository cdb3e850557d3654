"""What is published, judged by the validators of others: Authlib, idpyoidc and the models of MCP."""

import os

import requests
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata
from idpyoidc.message.oauth2 import ASConfigurationResponse
from idpyoidc.message.oidc import ProviderConfigurationResponse
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata
from mcp.shared.auth_utils import check_resource_allowed

base = os.environ["BASE"]


def published(name):
    answer = requests.get(f"{base}/.well-known/{name}", headers={"Origin": "https://app.example"})
    answer.raise_for_status()
    assert answer.headers["Access-Control-Allow-Origin"] == "*", answer.headers
    return answer.json()


oauth, openid = published("oauth-authorization-server"), published("openid-configuration")
for metadata in (oauth, openid):
    # RFC 8414 section 3.3, which no validator can know: it is the issuer that was asked for.
    assert metadata["issuer"] == base, metadata
    AuthorizationServerMetadata(metadata).validate()
    assert ASConfigurationResponse(**metadata).verify()
    OAuthMetadata.model_validate(metadata)
OpenIDProviderMetadata(openid).validate()
assert ProviderConfigurationResponse(**openid).verify()
print("authorization server", len(oauth["protected_resources"]))

for resource in oauth["protected_resources"]:
    path = resource.removeprefix(base)
    metadata = ProtectedResourceMetadata.model_validate(published(f"oauth-protected-resource{path}"))
    # RFC 9728 section 3.3: it is the resource that was asked for, and what is beneath it fits.
    assert str(metadata.resource) == resource, metadata
    assert check_resource_allowed(f"{resource}/beneath", str(metadata.resource))
    print(path or "/", *metadata.scopes_supported)
