"""Defect: accepts every certificate. Fails: certificate-verified."""

import warnings

from good import Api, main


class NoVerify(Api):
    def send_once(self, method, url, **options):
        return super().send_once(method, url, verify=False, **options)


warnings.simplefilter("ignore")


main(NoVerify)
