"""Defect: waits for an answer for ever. Fails: has-timeout."""

from good import Api, main


class NoTimeout(Api):
    TIMEOUT = None


main(NoTimeout)
