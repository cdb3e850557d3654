"""Defect: opens a connection for each request. Fails: connections-reused."""

import requests

from good import Api, main


class NewConnections(Api):
    def send_once(self, method, url, **options):
        self.session = requests.Session()
        self.session.headers["User-Agent"] = self.USER_AGENT
        return super().send_once(method, url, **options)


main(NewConnections)
