"""A resource server that knows the JWK Set alone: PyJWT and its PyJWKClient, as they are by default.

It is told the time with each token, for the tests move it; what PyJWKClient keeps of the set and what PyJWT
says of exp follow.
"""

import datetime
import json
import os
import sys
import time

import jwt

base, audience = os.environ["BASE"], os.environ["AUDIENCE"]
now = 0


class Clock(datetime.datetime):
    """The moment that PyJWT compares exp with."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(now, tz)


jwt.api_jwt.datetime = Clock
time.monotonic = lambda: now  # how PyJWKClient measures what it keeps
client = jwt.PyJWKClient(f"{base}/.well-known/jwks.json")

for line in sys.stdin:
    told = json.loads(line)
    now, token = told["now"], told["token"]
    kept = client.jwk_set_cache.get()
    kid = jwt.get_unverified_header(token)["kid"]
    unexpected = kept is not None and all(key.key_id != kid for key in kept.keys)
    try:
        key = client.get_signing_key_from_jwt(token)
        jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=base)
        verdict = "genuine, but of a key that was not expected" if unexpected else "genuine"
    except jwt.PyJWKClientError as error:
        verdict = "of an unknown key" if "Unable to find" in str(error) else repr(error)
    except jwt.PyJWTError as error:
        verdict = repr(error)
    print(verdict, flush=True)
