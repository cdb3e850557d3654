"""A passport, as a partner's own program verifies it: PyJWT with the JWK Set of the server, or with a file of it."""

import hashlib
import json
import os
import sys
from pathlib import Path

import jwt

base = os.environ["BASE"]
remote = jwt.PyJWKClient(f"{base}/.well-known/jwks.json")
local = jwt.PyJWKSet.from_dict(json.loads(Path(os.environ["JWKS"]).read_text()))
digest = hashlib.sha256(Path(os.environ["REPORT"]).read_bytes()).hexdigest()


def verify(passport, key):
    if jwt.get_unverified_header(passport)["typ"] != "boomgate-report+jwt":
        raise jwt.InvalidTokenError("another typ")
    claims = jwt.decode(passport, key, algorithms=["ES256", "EdDSA"], issuer=base, subject="demo-writer")
    if claims["verdict"] != "ready" or claims["report_sha256"] != digest:
        raise jwt.InvalidTokenError("another report")


for line in sys.stdin:
    passport = line.rstrip("\n")
    try:
        verify(passport, remote.get_signing_key_from_jwt(passport))
        verify(passport, local[jwt.get_unverified_header(passport)["kid"]])
        print("genuine")
    except jwt.PyJWTError as error:
        print(type(error).__name__)
    except (KeyError, UnicodeDecodeError, ValueError) as error:
        print(type(error).__name__)
