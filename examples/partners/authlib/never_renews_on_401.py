"""Defect: gives up when a token is refused before its time, as Authlib does by itself. Fails: token-renewed-on-401, token-revoked."""

from good import Api, main


class NeverRenewsOn401(Api):
    def request(self, method, url, auth=None, **options):
        return self.whole_answer(method, url, auth=auth, **options)


main(NeverRenewsOn401)
