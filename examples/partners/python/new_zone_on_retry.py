"""Defect: creates another zone when an answer is lost. Fails: no-second-zone."""

import uuid

import requests

from good import Api, main


class NewZoneOnRetry(Api):
    def send_once(self, method, url, **options):
        try:
            return super().send_once(method, url, **options)
        except requests.RequestException:
            if "Idempotency-Key" in options.get("headers", ()):
                options["headers"]["Idempotency-Key"] = str(uuid.uuid4())
                options["json"]["number"] = f"curbside-{uuid.uuid4().hex[:8]}"
            raise


main(NewZoneOnRetry)
