"""Defect: gives up at the first 5xx. Fails: retries-5xx."""

from good import Api, main


class NoRetry5xx(Api):
    def is_transient(self, status):
        return status == 429


main(NoRetry5xx)
