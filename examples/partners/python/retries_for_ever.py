"""Defect: never gives up in an outage. Fails: bounded-retries."""

import math

from good import Api, main


class RetriesForEver(Api):
    TRIES = {"failed": math.inf, "limited": 10}

    def backoff(self, tries):
        return super().backoff(min(tries, 3))


main(RetriesForEver)
