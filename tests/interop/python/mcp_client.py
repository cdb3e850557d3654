"""The client of MCP, which knows a resource alone: the challenge, the metadata and the token come from there."""

import asyncio
import os
import ssl

import httpx2
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

base = os.environ["BASE"]


class Memory:
    """Where it keeps its token: nowhere beyond this run."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def read(path):
    storage = Memory()
    auth = ClientCredentialsOAuthProvider(
        server_url=f"{base}{path}",
        storage=storage,
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
    )
    async with httpx2.AsyncClient(auth=auth, verify=ssl.create_default_context()) as client:
        zones = await client.get(f"{base}{path}", params={"limit": 2})
    print(path, zones.status_code, storage.tokens.scope, len(zones.json()["data"]))


for path in ("/parking/zones", "/v3/shared/zones"):
    asyncio.run(read(path))
