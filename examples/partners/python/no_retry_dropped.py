"""Defect: gives up when a connection ends. Fails: retries-dropped."""

import requests

from good import Api, Failure, main


class NoRetryDropped(Api):
    def send_once(self, method, url, **options):
        try:
            return super().send_once(method, url, **options)
        except requests.RequestException as error:
            raise Failure(f"{method}: {type(error).__name__}") from error


main(NoRetryDropped)
