"""Defect: reads the first page of a list and takes it for the whole. Fails: pagination."""

from good import Api, main


class FirstPageOnly(Api):
    def zones(self, operator_id):
        query = {"operator_id": operator_id, "limit": 5}
        yield from self.request("GET", "/parking/zones", params=query).json()["data"]


main(FirstPageOnly)
