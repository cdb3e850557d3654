"""Defect: does not say who it is. Fails: user-agent."""

import requests

from good import Api, main


class DefaultUserAgent(Api):
    USER_AGENT = requests.utils.default_user_agent()


main(DefaultUserAgent)
