"""Defect: breaks where the answer does not say how long the token lives. Fails: variation-no-expires-in."""

from good import Api, main


class NeedsExpiresIn(Api):
    def useful_life(self, token):
        return super().useful_life({"expires_in": token["expires_in"]})


main(NeedsExpiresIn)
