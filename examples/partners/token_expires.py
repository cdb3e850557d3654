"""A client's test that starts a sandbox of its own. It needs Python's standard library and `boomgate` on the path."""

import contextlib
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

PROGRAM = os.environ.get("BOOMGATE", "boomgate")
SANDBOX = "sandbox --in-memory --listen 127.0.0.1:0 --ready-json --exit-with-stdin".split()


@contextlib.contextmanager
def sandbox():
    """Starts a sandbox, and stops it by the end of its standard input, which also comes if this process is killed."""
    with subprocess.Popen([PROGRAM, *SANDBOX], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        ready = json.loads(process.stdout.readline())
        yield ready, ssl.create_default_context(cafile=ready["ca_file"])


def call(url, tls, body=None, token=None):
    """Sends a GET, or a POST of a JSON body; returns the status and the JSON of the answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, context=tls) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


with sandbox() as (ready, tls):
    zones = ready["url"] + "/parking/zones?limit=1"
    client = {"client_id": "demo-writer", "client_secret": ready["clients"]["demo-writer"]["client_secret"]}
    grant = client | {"grant_type": "client_credentials", "audience": ready["audience"]}
    token = call(ready["token_url"], tls, grant)[1]["access_token"]
    assert call(zones, tls, token=token)[0] == 200

    trouble = ready["url"] + "/sandbox/troubles/token-expires"
    assert call(trouble, tls, {"client": "demo-writer"}, ready["sandbox_token"])[0] == 200
    status, problem = call(zones, tls, token=token)
    assert (status, problem["error"]) == (401, "invalid_token"), problem

    token = call(ready["token_url"], tls, grant)[1]["access_token"]
    assert call(zones, tls, token=token)[0] == 200
print("The token expired, and the next one was accepted.")
