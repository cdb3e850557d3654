"""Defect: sends a request again that was refused as a bad one. Fails: no-retry-on-400."""

from good import Api, main


class Retries400(Api):
    def is_transient(self, status):
        return status == 400 or super().is_transient(status)


main(Retries400)
