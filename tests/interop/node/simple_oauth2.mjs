// simple-oauth2 gets a token, fetch uses it, jose validates it with the server's keys.

import { createRemoteJWKSet, jwtVerify } from 'jose'
import { ClientCredentials } from 'simple-oauth2'

const { BASE, AUDIENCE, CLIENT_ID, CLIENT_SECRET } = process.env
for (const authorizationMethod of ['header', 'body']) {
  const client = new ClientCredentials({
    client: { id: CLIENT_ID, secret: CLIENT_SECRET },
    auth: { tokenHost: BASE, tokenPath: '/oauth2/token' },
    options: { authorizationMethod },
  })
  const { token } = await client.getToken({ audience: AUDIENCE, scope: 'read:zones' })
  const expired = client.createToken(token).expired()
  const listed = await fetch(`${BASE}/parking/zones?limit=2`, {
    headers: { authorization: `${token.token_type} ${token.access_token}` },
  })
  console.log(authorizationMethod, expired, token.scope, (await listed.json()).data.length)

  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', BASE))
  const expected = { issuer: BASE, audience: AUDIENCE, typ: 'at+jwt' }
  const { payload, protectedHeader } = await jwtVerify(token.access_token, keys, expected)
  console.log(protectedHeader.alg, payload.client_id === CLIENT_ID)
}
