"""Defect: waits 2 seconds for a quota of which it is told that it takes hours. Fails: quota-not-retried."""

from good import Api, main


class RetriesQuota(Api):
    def retry_after(self, headers):
        asked = super().retry_after(headers)
        return asked if asked is None else min(asked, 2)


main(RetriesQuota)
