"""Defect: sends a request again without a wait. Fails: growing-waits."""

from good import Api, main


class RetriesAtOnce(Api):
    def wait(self, tries, answer):
        limited = answer is not None and answer.status_code == 429
        return super().wait(tries, answer) if limited else 0


main(RetriesAtOnce)
