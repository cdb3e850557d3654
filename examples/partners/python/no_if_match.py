"""Defect: changes and deletes whatever version is there. Fails: if-match."""

from good import Api, main


class NoIfMatch(Api):
    def only_if(self, etag):
        return {}

    def may_repeat(self, method, url, options):
        return method == "PATCH" or super().may_repeat(method, url, options)


main(NoIfMatch)
