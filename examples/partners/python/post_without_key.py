"""Defect: sends a POST again that has no Idempotency-Key. Fails: safe-retries."""

from good import Api, main


class PostWithoutKey(Api):
    def create_zone(self, zone):
        return self.request("POST", "/parking/zones", json=zone).json()

    def may_repeat(self, method, url, options):
        return True


main(PostWithoutKey)
