"""Defect: reads Retry-After as a number only, and breaks at a date. Fails: retry-after-date."""

from good import Api, main


class DateBreaksIt(Api):
    def retry_after(self, headers):
        return int(headers["Retry-After"]) if "Retry-After" in headers else None


main(DateBreaksIt)
