"""Defect: compares token_type with its case. Fails: variation-token-type-lowercase."""

from good import Api, Failure, main


class CaseOfTokenType(Api):
    def useful_life(self, token):
        if token["token_type"] != "Bearer":
            raise Failure(f"an unknown type of token: {token['token_type']}")
        return super().useful_life(token)


main(CaseOfTokenType)
