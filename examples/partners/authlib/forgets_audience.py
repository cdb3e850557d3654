"""Defect: leaves out the audience when it renews a token, as Authlib does by itself. Fails: token-renewed-ahead, token-renewed-on-401, token-revoked."""

import os

from authlib.integrations.requests_client import OAuth2Session
from good import Api, main


class ForgetsAudience(Api):
    def fetch_token(self, url=None, **options):
        if not self.token:
            options["audience"] = os.environ["BOOMGATE_AUDIENCE"]
        token = OAuth2Session.fetch_token(self, url, **options)
        self.leeway = min(30, token.get("expires_in", 0) / 5)
        return token


main(ForgetsAudience)
