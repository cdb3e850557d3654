"""Defect: waits as long as it likes after a 429. Fails: retry-after-seconds."""

from good import Api, main


class IgnoresRetryAfter(Api):
    def retry_after(self, headers):
        return None


main(IgnoresRetryAfter)
