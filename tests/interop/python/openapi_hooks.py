"""How Schemathesis authenticates itself, and the identifiers that it may use: what it revokes or deletes, others replace."""

import os
import zlib

import requests
import schemathesis

base = os.environ["BASE"]
DRIVER = (os.environ["DRIVER_ID"], os.environ["DRIVER_SECRET"])


def token(audience):
    form = {"grant_type": "client_credentials", "audience": audience}
    return requests.post(f"{base}/oauth2/token", data=form, auth=DRIVER).json()["access_token"]


@schemathesis.auth(refresh_interval=1).apply_to(path_regex="^/(admin|metrics)")
class Administration:
    def get(self, case, context):
        return token("admin.api.boomgate")

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(refresh_interval=1).apply_to(path_regex="^/(parking|shared/zones|oauth2/(usage|report))")
class Partner(Administration):
    def get(self, case, context):
        return token(os.environ["AUDIENCE"])


@schemathesis.auth().apply_to(path_regex="^/(shared/access-tokens|oauth2/(token|revoke|introspect))")
class Client:
    def get(self, case, context):
        return DRIVER

    def set(self, case, data, context):
        case.headers["Authorization"] = requests.auth._basic_auth_str(*data)


KNOWN = {name: os.environ[name.upper()].split() for name in ("id", "client_id", "kid")}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every other identifier is one that exists, or did."""
    for name, known in KNOWN.items():
        if path_parameters and name in path_parameters:
            number = zlib.crc32(str(path_parameters[name]).encode())
            if number % 2:
                path_parameters[name] = known[number // 2 % len(known)]
    return path_parameters


@schemathesis.hook
def before_call(context, case, kwargs):
    """The two that this run lives by stay. And no key has the name of another path beneath its list."""
    if (case.path_parameters or {}).get("kid") in ("import", "rotate"):
        case.path_parameters["kid"] = KNOWN["kid"][0]
    if (case.path_parameters or {}).get("client_id") in (DRIVER[0], "demo-admin"):
        case.path_parameters["client_id"] = KNOWN["client_id"][0]
