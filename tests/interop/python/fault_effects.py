"""Each effect and each variation of the sandbox, as curl and requests see it: one line each, its cells between tabs."""

import json
import os
import re
import subprocess
import time

import requests

BASE, CA, AUDIENCE = os.environ["BASE"], os.environ["REQUESTS_CA_BUNDLE"], os.environ["AUDIENCE"]
CLIENT_ID, SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
CONTROL = {"Authorization": f"Bearer {os.environ['CONTROL_TOKEN']}"}
FORM = {"grant_type": "client_credentials", "audience": AUDIENCE, "scope": "read:zones"}
# A delay of so long is seen; a client gives up after twice as long.
DELAY_S, PATIENCE_S = 0.4, 0.8

TOKEN, RESOURCE = "token", "resource"
ROWS = [
    (RESOURCE, {"problem": "unavailable", "retry_after": 2}),
    (RESOURCE, {"problem": "token-expired"}),
    (RESOURCE, {"problem": "throttled"}),
    (TOKEN, {"problem": "invalid-client"}),
    (TOKEN, {"problem": "unavailable"}),
    (RESOURCE, {"status": 502}),
    (RESOURCE, {"delay": "400ms"}),
    (RESOURCE, {"delay": {"uniform": ["400ms", "450ms"]}}),
    (RESOURCE, {"delay": {"log_normal": {"median": "500ms", "sigma": 0.01, "cap": "600ms"}}}),
    (RESOURCE, {"dribble": {"chunks": 5, "over": "400ms"}}),
    (RESOURCE, {"bandwidth": 1600}),
    (RESOURCE, {"truncate_after": 10}),
    (RESOURCE, {"body": "empty"}),
    (RESOURCE, {"body": "html"}),
    (RESOURCE, {"body": "not_json"}),
    (RESOURCE, {"body": "wrong_content_type"}),
    (RESOURCE, {"close": "before_headers"}),
    (RESOURCE, {"close": "mid_headers"}),
    (RESOURCE, {"close": "mid_body"}),
    (RESOURCE, {"close": "reset"}),
    (RESOURCE, {"close": "goaway"}),
    (RESOURCE, {"close": "rst_stream"}),
    (RESOURCE, {"timeout": "30s"}),
    (TOKEN, {"variation": "unknown-members"}),
    (TOKEN, {"variation": "token-type-lowercase"}),
    (TOKEN, {"variation": "no-expires-in"}),
    (TOKEN, {"variation": "no-scope"}),
    (TOKEN, {"variation": "reordered-members"}),
    (RESOURCE, {"problem": "throttled", "retry_after": 30, "variation": "retry-after-date"}),
    (RESOURCE, {"variation": "chunked-body"}),
    (RESOURCE, {"variation": "lowercase-fields"}),
    (RESOURCE, {"variation": "title-case-fields"}),
    (RESOURCE, {"variation": "connection-close"}),
]


def put(phase, effect):
    requests.delete(f"{BASE}/sandbox/faults", headers=CONTROL).raise_for_status()
    if effect is not None:
        rule = {"match": {"phase": phase, "client": CLIENT_ID}, "effect": effect}
        answer = requests.post(f"{BASE}/sandbox/faults", headers=CONTROL, json=rule)
        assert answer.status_code == 201, answer.text


def seen(status, fields, body, took):
    """An answer, in a few words. `fields` are as the client read them."""
    words = [str(status)]
    lower = {name.lower(): value for name, value in fields}
    for name in ("retry-after", "server", "www-authenticate"):
        if name in lower:
            words.append(f"{name}: {re.sub(r'[0-9]{2}:[0-9]{2}:[0-9]{2}', 'TIME', lower[name])[:30]}")
    if lower.get("connection") == "close":
        words.append("connection: close")
    words.append("chunked" if "chunked" in lower.get("transfer-encoding", "") else "")
    words.append("no length" if "content-length" not in lower else "")
    words.append("title-case fields" if any(name[0].isupper() for name, _ in fields) else "")
    kind = lower.get("content-type", "").split(";")[0]
    try:
        value = json.loads(body)
        names = [name for name in value if name not in ("expires_at", "access_token")]
        is_token = "access_token" in value
        words.append(f"{kind} {value['token_type']} {','.join(names)}" if is_token else f"{kind} JSON")
    except ValueError:
        words.append(f"{kind} {len(body)} bytes, no JSON")
    if took >= DELAY_S:
        words.append("late")
    return ", ".join(word for word in words if word)


def curl(version, phase, token):
    command = ["curl", "-sS", "-i", f"--{version}", "--cacert", CA, "--max-time", str(PATIENCE_S)]
    if phase == TOKEN:
        command += ["-u", f"{CLIENT_ID}:{SECRET}", *[part for item in FORM.items() for part in ("-d", "=".join(item))]]
        command.append(f"{BASE}/oauth2/token")
    else:
        command += ["-H", f"Authorization: Bearer {token}", f"{BASE}/parking/zones?limit=2"]
    start = time.monotonic()
    ran = subprocess.run(command, capture_output=True)
    took = time.monotonic() - start
    head, _, body = ran.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    failure = re.search(r"curl: (\([0-9]+\) .*)", ran.stderr.decode())
    if failure:
        after = f" after {lines[0].split()[1]} and {len(body)} bytes" if " " in lines[0] and body else ""
        return re.sub(r"[0-9]+ (milliseconds|bytes remaining|out of)", r"N \1", failure[1])[:70] + after
    fields = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
    return seen(lines[0].split()[1], fields, body, took)


def python(phase, token):
    start = time.monotonic()
    try:
        if phase == TOKEN:
            answer = requests.post(f"{BASE}/oauth2/token", auth=(CLIENT_ID, SECRET), data=FORM, timeout=PATIENCE_S)
        else:
            headers = {"Authorization": f"Bearer {token}"}
            answer = requests.get(f"{BASE}/parking/zones?limit=2", headers=headers, timeout=PATIENCE_S)
    except requests.RequestException as error:
        cause = re.search(r"(RemoteDisconnected|ConnectionResetError|IncompleteRead|SSLEOFError|timed out)", str(error))
        return f"{type(error).__name__} ({cause[1] if cause else str(error)[:60]})"
    took = time.monotonic() - start
    return seen(answer.status_code, list(answer.headers.items()), answer.content, took)


def main():
    put(TOKEN, None)
    granted = requests.post(f"{BASE}/oauth2/token", auth=(CLIENT_ID, SECRET), data=FORM)
    token = granted.json()["access_token"]
    for phase, effect in ROWS:
        put(phase, effect)
        cells = [curl("http1.1", phase, token), curl("http2", phase, token), python(phase, token)]
        print("\t".join([json.dumps(effect, separators=(",", ":")), phase, *cells]), flush=True)


main()
