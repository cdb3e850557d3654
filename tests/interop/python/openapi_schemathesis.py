"""Schemathesis: what the server answers, judged by its OpenAPI document, with all checks on.

A client with every scope and without limits sends requests that the document allows, and requests that it does not.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

base, ca = os.environ["BASE"], os.environ["SSL_CERT_FILE"]
examples, seconds = os.environ.get("EXAMPLES", "8"), int(os.environ.get("SECONDS", "40"))


ADMIN = "admin.api.boomgate"


def token(audience, auth):
    form = {"grant_type": "client_credentials", "audience": audience}
    answer = requests.post(f"{base}/oauth2/token", data=form, auth=auth)
    answer.raise_for_status()
    return {"Authorization": "Bearer " + answer.json()["access_token"]}


admin = token(ADMIN, ("demo-admin", os.environ["ADMIN_SECRET"]))


def register(scope, audience):
    client = {"client_name": "Driver", "scope": scope, "audience": audience, "daily_quota": None}
    client |= {"requests_per_second": 10_000, "burst": 10_000}
    answer = requests.post(f"{base}/admin/clients", headers=admin, json=client)
    answer.raise_for_status()
    return answer.json()


scope = "read:zones write:zones read:admin write:admin introspect"
driver = register(scope, [os.environ["AUDIENCE"], ADMIN])
partner = token(os.environ["AUDIENCE"], (driver["client_id"], driver["client_secret"]))
zones = requests.get(f"{base}/parking/zones", headers=partner).json()["data"]
keys = requests.get(f"{base}/admin/keys", headers=admin).json()["data"]
environment = os.environ | {
    "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("openapi_hooks.py")),
    "DRIVER_ID": driver["client_id"],
    "DRIVER_SECRET": driver["client_secret"],
    "ID": " ".join(zone["id"] for zone in zones),
    "CLIENT_ID": " ".join(register("read:zones", [os.environ["AUDIENCE"]])["client_id"] for _ in range(12)),
    "KID": " ".join(key["kid"] for key in keys),
}

document = requests.get(f"{base}/openapi.json").json()
schemas = document["components"]["schemas"]


def closed(schema):
    """The schema without members beside those that it names: an answer with another fails."""
    parts = [schemas[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part for part in schema.get("allOf", [])]
    if parts:
        parts = [closed(part) for part in parts]
        members = {name: member for part in parts for name, member in part["properties"].items()}
        required = [name for part in parts for name in part.get("required", [])]
        return {"type": "object", "properties": members, "required": required, "additionalProperties": False}
    return schema | {"additionalProperties": False} if "properties" in schema else schema


# Of a secret in a request, members that the server does not know are ignored.
answers = {name: schema for name, schema in schemas.items() if name != "SecretToCheck"}
document["components"]["schemas"] |= {name: closed(schema) for name, schema in answers.items()}
with tempfile.TemporaryDirectory() as folder:
    schema = Path(folder, "openapi.json")
    schema.write_text(json.dumps(document))
    settings = Path(folder, "schemathesis.toml")
    settings.write_text(
        """
        # Rules that no schema knows: states, other fields, what stands in the store.
        [checks]
        positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 422, 429]
        # A precondition comes before the body.
        negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429]

        [[operations]]
        # A cursor of another list, a key that is too short to derive a secret from, credentials that are there twice; and
        # what has no other answer.
        include-operation-id = [
            "listZones", "listZonesShared", "listClients", "listActivity", "listAuditEntries", "listRefusals", "registerClient",
            "authorize",
            "issueToken", "issueStandardToken", "revokeToken", "introspectToken",
        ]
        checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 401, 409, 412, 422]
        """
    )
    command = [Path(sys.executable).with_name("st"), "--config-file", settings, "run", schema, "--url", base]
    command += ["--tls-verify", ca, "--checks", "all", "--max-examples", examples, "--seed", os.environ.get("SEED", "1")]
    command += ["--continue-on-failure", "--no-shrink", "--no-color", "--max-time"]
    # A busy machine does not get far in the usual time.
    for limit in (seconds, 5 * seconds):
        run = subprocess.run([*command, str(limit)], cwd=folder, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        selected, tested, cases = (
            int(re.search(pattern, run.stdout)[1])
            for pattern in (r"Selected: (\d+)", r"Tested: (\d+)", r"(\d+) generated")
        )
        if cases > 1000:
            break
assert tested == selected and cases > 1000, run.stdout
print(tested, "operations,", cases, "requests, no answer that the document does not allow")
