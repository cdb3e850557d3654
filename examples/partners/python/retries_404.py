"""Defect: asks again for what does not exist. Fails: no-retry-on-404."""

from good import Api, main


class Retries404(Api):
    def is_transient(self, status):
        return status == 404 or super().is_transient(status)


main(Retries404)
