"""Defect: sends a request again for which it has no scope. Fails: no-retry-on-403."""

from good import Api, main


class Retries403(Api):
    def is_transient(self, status):
        return status == 403 or super().is_transient(status)


main(Retries403)
