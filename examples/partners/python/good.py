"""A client of the parking API that survives what happens in a year. It needs Python 3.9 or newer, and `requests`.

It lists zones, creates one, renames it and deletes it. `Api` is the part to copy, `job` is the part to replace.
"""

import collections
import email.utils
import math
import os
import random
import sys
import time
import urllib.parse
import uuid

import requests


class Failure(Exception):
    """Why the job cannot be done, in one line."""


class Api:
    USER_AGENT = "curbside/1.4 (+https://curbside.example/contact)"
    TIMEOUT = 5  # seconds in which nothing arrives
    LONGEST_WAIT = 60  # seconds; whoever asks for more is not waited for
    TRIES = {"failed": 4, "limited": 10}  # of one request

    def __init__(self):
        self.url = os.environ["BOOMGATE_URL"]
        self.token_url = os.environ["BOOMGATE_TOKEN_URL"]
        self.audience = os.environ["BOOMGATE_AUDIENCE"]
        names = ("BOOMGATE_CLIENT_ID", "BOOMGATE_CLIENT_SECRET")
        # RFC 6749 section 2.3.1: both are encoded before they go into HTTP Basic.
        self.credentials = tuple(urllib.parse.quote(os.environ[name], safe="") for name in names)
        self.session = requests.Session()  # reuses connections
        self.session.headers["User-Agent"] = self.USER_AGENT
        self._token = None
        self._renew_at = 0

    # What the API offers.

    def zones(self, operator_id):
        """Yields the zones of an operator, page by page."""
        query = {"operator_id": operator_id, "limit": 5}
        while True:
            page = self.request("GET", "/parking/zones", params=query).json()
            yield from page["data"]
            if not page["next_cursor"]:
                return
            query["cursor"] = page["next_cursor"]

    def zone(self, zone_id):
        """The zone, and the ETag of the version that was read."""
        answer = self.request("GET", f"/parking/zones/{zone_id}")
        return answer.json(), answer.headers["ETag"]

    def create_zone(self, zone):
        # One key for all tries of this request: whatever is lost on the way, there is one zone.
        return self.request("POST", "/parking/zones", headers={"Idempotency-Key": str(uuid.uuid4())}, json=zone).json()

    def change_zone(self, zone_id, etag, change):
        """Changes the version that was read, and no other. Returns the new version's ETag."""
        answer = self.request("PATCH", f"/parking/zones/{zone_id}", headers=self.only_if(etag), json=change)
        return answer.headers["ETag"]

    def delete_zone(self, zone_id, etag):
        self.request("DELETE", f"/parking/zones/{zone_id}", headers=self.only_if(etag))

    def only_if(self, etag):
        return {"If-Match": etag}

    # Requests with a token.

    def request(self, method, path, headers=(), **options):
        """Sends a request; if its token is refused, once more with a new one."""
        for token in (self.token, self.new_token):
            fields = {"Authorization": f"Bearer {token()}", **dict(headers)}
            answer = self.send(method, self.url + path, headers=fields, **options)
            if answer.status_code != 401:
                break
        if not answer.ok:
            raise Failure(f"{method} {path}: {reason(answer)}")
        return answer

    def token(self):
        """The token, or a new one shortly before it expires."""
        return self._token if self._token and time.monotonic() < self._renew_at else self.new_token()

    def new_token(self):
        asked_at = time.monotonic()
        grant = {"grant_type": "client_credentials", "audience": self.audience}
        answer = self.send("POST", self.token_url, auth=self.credentials, data=grant)
        if not answer.ok:
            raise Failure(f"no token: {reason(answer)}")
        token = answer.json()
        self._token = token["access_token"]
        self._renew_at = asked_at + self.useful_life(token)
        return self._token

    def useful_life(self, token):
        """For how many seconds it is used. A server need not say how long it lives; then it is used until it is refused."""
        life = token.get("expires_in")
        return math.inf if life is None else life - min(30, life / 5)

    # One request, several tries.

    def send(self, method, url, **options):
        """Sends a request, and again if it failed for a moment and nothing can happen twice by that."""
        tries = collections.Counter()
        while True:
            try:
                answer = self.send_once(method, url, **options)
                if not self.is_transient(answer.status_code):
                    return answer
                problem = reason(answer)
            except requests.exceptions.SSLError:
                raise  # a certificate that is wrong stays wrong
            except requests.RequestException as error:  # no connection, no answer in time, half an answer
                answer, problem = None, type(error).__name__
            kind = "limited" if answer is not None and answer.status_code == 429 else "failed"
            tries[kind] += 1
            wait = self.wait(tries[kind], answer)
            in_vain = tries[kind] >= self.TRIES[kind] or wait > self.LONGEST_WAIT
            if in_vain or not self.may_repeat(method, url, options):
                raise Failure(f"{method} {urllib.parse.urlsplit(url).path}: {problem}")
            time.sleep(wait)

    def send_once(self, method, url, **options):
        answer = self.session.request(method, url, timeout=self.TIMEOUT, **options)
        if answer.ok and answer.content:
            answer.json()  # raises if the body is not JSON
        return answer

    def is_transient(self, status):
        return status == 429 or status >= 500

    def may_repeat(self, method, url, options):
        """A token request makes nothing. A POST makes nothing twice with its key, nor a PATCH with the version it changes."""
        headers = options.get("headers", ())
        idempotent = method in ("GET", "PUT", "DELETE") or url == self.token_url
        return idempotent or "Idempotency-Key" in headers or "If-Match" in headers

    def wait(self, tries, answer):
        """Seconds before the next try: what the server asks for, and without that longer each time."""
        asked = None if answer is None else self.retry_after(answer.headers)
        return max(asked or 0, self.backoff(tries))

    def backoff(self, tries):
        """About 0.4, 0.8, 1.6 s; by chance, so that not all clients come back at the same moment."""
        return 0.25 * 2**tries * random.uniform(0.6, 1)

    def retry_after(self, headers):
        """The seconds of `Retry-After`, which is a number or a date."""
        value = headers.get("Retry-After", "")
        if value.isdecimal():
            return int(value)
        try:
            until = email.utils.parsedate_to_datetime(value)
            # By the server's clock: that of this machine may be wrong.
            return (until - email.utils.parsedate_to_datetime(headers["Date"])).total_seconds()
        except (KeyError, TypeError, ValueError):
            return None


def reason(answer):
    """What an answer says, as one line for a log. It has no secret."""
    try:
        body = answer.json()
        what = body.get("error_description") or body.get("detail") or body.get("title") or body.get("error")
    except (ValueError, AttributeError):
        what = answer.reason
    return f"{answer.status_code} {what} (request {answer.headers.get('X-Request-Id', 'without an id')})"


def job(api):
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


def main(api_class=Api):
    try:
        job(api_class())
    except KeyError as missing:
        sys.exit(f"not set, or not in an answer: {missing}")
    except (Failure, requests.RequestException) as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
