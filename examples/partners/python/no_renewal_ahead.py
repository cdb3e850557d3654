"""Defect: uses a token until it is refused, although it knows when it expires. Fails: token-renewed-ahead."""

import math

from good import Api, main


class NoRenewalAhead(Api):
    def useful_life(self, token):
        return math.inf


main(NoRenewalAhead)
