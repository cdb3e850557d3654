"""Defect: asks for a token before each request. Fails: token-reused."""

from good import Api, main


class TokenPerCall(Api):
    def token(self):
        return self.new_token()


main(TokenPerCall)
