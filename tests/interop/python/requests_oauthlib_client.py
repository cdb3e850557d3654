"""requests-oauthlib gets a token and uses it; PyJWT validates it with the keys that the metadata names."""

import os

import jwt
import requests
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

base, audience, client_id = os.environ["BASE"], os.environ["AUDIENCE"], os.environ["CLIENT_ID"]
metadata = requests.get(f"{base}/.well-known/oauth-authorization-server").json()
session = OAuth2Session(client=BackendApplicationClient(client_id, scope=["read:zones"]))
token = session.fetch_token(
    metadata["token_endpoint"], client_id=client_id, client_secret=os.environ["CLIENT_SECRET"], audience=audience
)
zones = session.get(f"{base}/parking/zones", params={"limit": 2})
zones.raise_for_status()
print(token["token_type"], token["scope"], len(zones.json()["data"]))

key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token["access_token"])
claims = jwt.decode(
    token["access_token"],
    key,
    algorithms=["ES256"],
    audience=audience,
    issuer=metadata["issuer"],
    options={"require": ["iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti"]},
)
header = jwt.get_unverified_header(token["access_token"])
print(header["typ"], header["alg"], claims["client_id"] == claims["sub"] == client_id, claims["exp"] - claims["iat"])
