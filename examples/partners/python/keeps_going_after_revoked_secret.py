"""Defect: tries a secret again and again that is refused. Fails: secret-revoked."""

import time

from good import Api, Failure, main


class KeepsGoing(Api):
    def new_token(self):
        for _ in range(6):
            try:
                return super().new_token()
            except Failure as failure:
                refused = failure
                time.sleep(0.5)
        raise refused


main(KeepsGoing)
