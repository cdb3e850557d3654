"""Defect: gets new tokens for as long as they are refused. Fails: no-401-loop."""

from good import Api, Failure, main, reason


class LoopsOn401(Api):
    def request(self, method, path, headers=(), **options):
        token = self.token()
        while True:
            fields = {"Authorization": f"Bearer {token}", **dict(headers)}
            answer = self.send(method, self.url + path, headers=fields, **options)
            if answer.ok:
                return answer
            if answer.status_code != 401:
                raise Failure(f"{method} {path}: {reason(answer)}")
            token = self.new_token()


main(LoopsOn401)
