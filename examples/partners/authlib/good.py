"""A client of the parking API that survives what happens in a year. It needs Python 3.9 or newer, `authlib` and `requests`.

Authlib remembers the token and renews it ahead of its end; urllib3 sends again what failed. `Api` adds what neither does. It
lists zones, creates one, renames it and deletes it: `job` is the part to replace.
"""

import os
import sys
import time
import uuid

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.util import Retry

LONGEST_WAIT = 60  # seconds; whoever asks for more is not waited for


class Retries(Retry):
    """Waits that grow, or those of `Retry-After`, which urllib3 reads as a number and as a date."""

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            raise MaxRetryError(_pool, url, ResponseError("the server asks for too long a wait"))
        return super().increment(method, url, response, error, _pool, _stacktrace)


RETRIES = Retries(
    total=4,
    status_forcelist=(429, 500, 502, 503, 504),
    # All of them: a POST has its Idempotency-Key here, a PATCH its If-Match, and a token request makes nothing.
    allowed_methods=None,
    backoff_factor=0.25,
    backoff_jitter=0.1,
    raise_on_status=False,
)


class Failure(Exception):
    """Why the job cannot be done, in one line."""


class Api(OAuth2Session):
    def __init__(self, **options):
        super().__init__(
            os.environ["BOOMGATE_CLIENT_ID"],
            os.environ["BOOMGATE_CLIENT_SECRET"],
            token_endpoint=os.environ["BOOMGATE_TOKEN_URL"],
            grant_type="client_credentials",
            default_timeout=5,  # seconds in which nothing arrives
            **options,
        )
        self.headers["User-Agent"] = "curbside/1.4 (+https://curbside.example/contact)"
        self.mount("https://", HTTPAdapter(max_retries=RETRIES))

    # Tokens.

    def fetch_token(self, url=None, **options):
        """Authlib renews a token without its audience, and renews any token 60 s before its end, however short its life."""
        token = super().fetch_token(url, audience=os.environ["BOOMGATE_AUDIENCE"], **options)
        self.leeway = min(30, token.get("expires_in", 0) / 5)
        return token

    def request(self, method, url, auth=None, **options):
        """Sends a request; if its token is refused, once more with a new one. Token requests have another `auth`."""
        answer = self.whole_answer(method, url, auth=auth, **options)
        if answer.status_code == 401 and auth is None:
            self.fetch_token()
            answer = self.whole_answer(method, url, **options)
        return answer

    def whole_answer(self, method, url, **options):
        """urllib3 retries until an answer begins; this retries until it has ended."""
        for wait in (0.5, 1, 2):
            try:
                return super().request(method, url, **options)
            except requests.exceptions.ChunkedEncodingError:
                time.sleep(wait)
        return super().request(method, url, **options)

    # What the API offers.

    def zones(self, operator_id):
        """Yields the zones of an operator, page by page."""
        query = {"operator_id": operator_id, "limit": 5}
        while True:
            page = self.call("GET", "/parking/zones", params=query).json()
            yield from page["data"]
            if not page["next_cursor"]:
                return
            query["cursor"] = page["next_cursor"]

    def create_zone(self, zone):
        # One key for all tries of this request: whatever is lost on the way, there is one zone.
        return self.call("POST", "/parking/zones", headers={"Idempotency-Key": str(uuid.uuid4())}, json=zone).json()

    def zone(self, zone_id):
        """The zone, and the ETag of the version that was read."""
        answer = self.call("GET", f"/parking/zones/{zone_id}")
        return answer.json(), answer.headers["ETag"]

    def change_zone(self, zone_id, etag, change):
        """Changes the version that was read, and no other. Returns the new version's ETag."""
        answer = self.call("PATCH", f"/parking/zones/{zone_id}", headers={"If-Match": etag}, json=change)
        return answer.headers["ETag"]

    def delete_zone(self, zone_id, etag):
        self.call("DELETE", f"/parking/zones/{zone_id}", headers={"If-Match": etag})

    def call(self, method, path, **options):
        answer = self.request(method, os.environ["BOOMGATE_URL"] + path, **options)
        if not answer.ok:
            raise Failure(f"{method} {path}: {reason(answer)}")
        return answer


def reason(answer):
    """What an answer says, as one line for a log. It has no secret."""
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    what = answer.json()["detail"] if is_problem else answer.reason
    return f"{answer.status_code} {what} (request {answer.headers.get('X-Request-Id', 'without an id')})"


def job(api):
    api.fetch_token()
    print(f"{sum(1 for _ in api.zones('marwick-council'))} zones")
    number = f"curbside-{uuid.uuid4().hex[:8]}"
    place = {"operator_id": "marwick-council", "location": {"latitude": 34.7181, "longitude": -76.6527}}
    made = api.create_zone({"number": number, "name": "Quay 9", "session_type": "vehicle", **place})
    print(f"created {made['id']}")
    zone, etag = api.zone(made["id"])
    etag = api.change_zone(zone["id"], etag, {"name": f"{zone['name']}, north side"})
    print("renamed it")
    api.delete_zone(zone["id"], etag)
    print("deleted it")


def main(api_class=Api, **options):
    try:
        job(api_class(**options))
    except (Failure, AuthlibBaseError, requests.RequestException) as failure:
        sys.exit(f"{type(failure).__name__}: {failure}")


if __name__ == "__main__":
    main()
