// openid-client: configured by discovery alone.

import * as client from 'openid-client'

const { BASE, AUDIENCE, CLIENT_ID, CLIENT_SECRET } = process.env
const config = await client.discovery(new URL(BASE), CLIENT_ID, CLIENT_SECRET, undefined, { algorithm: 'oauth2' })
const token = await client.clientCredentialsGrant(config, { audience: AUDIENCE })
const zones = new URL('/parking/zones?limit=2', BASE)
const listed = await client.fetchProtectedResource(config, token.access_token, zones, 'GET')
console.log(token.token_type, token.expiresIn() > 3500, token.scope, (await listed.json()).data.length)
await client.tokenRevocation(config, token.access_token)
console.log((await client.tokenIntrospection(config, token.access_token)).active)
