"""Defect: sends its token in the clear before it tries TLS. Fails: only-https."""

import requests

from good import Api, main


class HttpFirst(Api):
    def request(self, method, path, headers=(), **options):
        try:
            fields = {"Authorization": f"Bearer {self.token()}"}
            self.send_once("GET", self.url.replace("https://", "http://") + path, headers=fields)
        except requests.RequestException:
            pass
        return super().request(method, path, headers, **options)


main(HttpFirst)
