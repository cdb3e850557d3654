"""Defect: breaks at a member that it does not know. Fails: variation-unknown-members."""

from good import Api, Failure, main


class StrictMembers(Api):
    KNOWN = {"access_token", "token_type", "expires_in", "scope"}

    def useful_life(self, token):
        if unknown := token.keys() - self.KNOWN:
            raise Failure(f"the token answer has unknown members: {', '.join(unknown)}")
        return super().useful_life(token)


main(StrictMembers)
