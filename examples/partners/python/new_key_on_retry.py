"""Defect: makes a new Idempotency-Key for each try. Fails: same-key."""

import uuid

from good import Api, main


class NewKeyOnRetry(Api):
    def send_once(self, method, url, **options):
        if "Idempotency-Key" in options.get("headers", ()):
            options["headers"]["Idempotency-Key"] = str(uuid.uuid4())
        return super().send_once(method, url, **options)


main(NewKeyOnRetry)
