"""Authlib: a session that asks for a token, and for another one when that has expired.

Authlib repeats the grant without the audience, so it renews by itself only where the server has a
default_audience; its first request may name one anywhere.
"""

import os
import time

from authlib.integrations.requests_client import OAuth2Session

base, audience = os.environ["BASE"], os.environ["AUDIENCE"]
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        token_endpoint=f"{base}/oauth2/token",
        token_endpoint_auth_method=method,
        grant_type="client_credentials",
        scope="read:zones",
    )
    first = session.fetch_token(audience=audience)["access_token"]
    assert time.time() + 3500 < session.token["expires_at"] < time.time() + 3700, session.token
    session.get(f"{base}/parking/zones", params={"limit": 2}).raise_for_status()
    assert session.token["access_token"] == first, "a good token is used again"

    session.token["expires_at"] = int(time.time()) - 1  # as if its hour had passed
    zones = session.get(f"{base}/parking/zones", params={"limit": 2})
    zones.raise_for_status()
    assert session.token["access_token"] != first, "an expired token is replaced"
    print(method, session.token["token_type"], session.token["scope"], len(zones.json()["data"]))
