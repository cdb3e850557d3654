"""Defect: tries the token in the URL first. Fails: no-secret-in-url."""

from good import Api, main


class TokenInQueryToo(Api):
    def request(self, method, path, headers=(), **options):
        params = {**options.get("params", {}), "access_token": self.token()}
        answer = self.send(method, self.url + path, headers=dict(headers), **{**options, "params": params})
        return answer if answer.ok else super().request(method, path, headers, **options)


main(TokenInQueryToo)
