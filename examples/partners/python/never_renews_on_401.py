"""Defect: gives up when a token is refused before its time. Fails: token-renewed-on-401."""

from good import Api, Failure, main, reason


class NeverRenewsOn401(Api):
    def request(self, method, path, headers=(), **options):
        fields = {"Authorization": f"Bearer {self.token()}", **dict(headers)}
        answer = self.send(method, self.url + path, headers=fields, **options)
        if not answer.ok:
            raise Failure(f"{method} {path}: {reason(answer)}")
        return answer


main(NeverRenewsOn401)
