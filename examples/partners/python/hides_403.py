"""Defect: ends well although it was not allowed to do its job. Fails: scope-missing-reported."""

import sys

from good import Api, Failure, main


class Hides403(Api):
    def request(self, method, path, headers=(), **options):
        try:
            return super().request(method, path, headers, **options)
        except Failure as failure:
            if ": 403 " not in str(failure):
                raise
            print("done")
            sys.exit(0)


main(Hides403)
