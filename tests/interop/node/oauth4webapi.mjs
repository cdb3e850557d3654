// oauth4webapi, the strictest of them: discovery, both ways to authenticate, the token in use, validated as
// a resource server does (RFC 9068), introspected and revoked.

import * as oauth from 'oauth4webapi'

const { BASE, AUDIENCE, CLIENT_ID, CLIENT_SECRET } = process.env
const issuer = new URL(BASE)
const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' })
const server = await oauth.processDiscoveryResponse(issuer, discovered)
const client = { client_id: CLIENT_ID }

for (const authenticate of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
  const authentication = authenticate(CLIENT_SECRET)
  const parameters = { audience: AUDIENCE, scope: 'read:zones' }
  const answered = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters)
  const token = await oauth.processClientCredentialsResponse(server, client, answered)

  const zones = new URL('/parking/zones?limit=2', BASE)
  const listed = await oauth.protectedResourceRequest(token.access_token, 'GET', zones)
  console.log(authenticate.name, token.token_type, token.expires_in, token.scope, (await listed.json()).data.length)

  const request = new Request(zones, { headers: { authorization: `Bearer ${token.access_token}` } })
  const claims = await oauth.validateJwtAccessToken(server, request, AUDIENCE)
  const asked = await oauth.introspectionRequest(server, client, authentication, token.access_token)
  const told = await oauth.processIntrospectionResponse(server, client, asked)
  console.log(claims.client_id === CLIENT_ID, claims.scope, told.active, told.jti === claims.jti)

  const revoked = await oauth.revocationRequest(server, client, authentication, token.access_token)
  await oauth.processRevocationResponse(revoked)
  try {
    await oauth.protectedResourceRequest(token.access_token, 'GET', zones)
    console.log('a revoked token works')
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
    console.log(error.status, error.cause[0].scheme, error.cause[0].parameters.error)
  }
}

try {
  const answered = await oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretPost('wrong'), {
    audience: AUDIENCE,
  })
  await oauth.processClientCredentialsResponse(server, client, answered)
  console.log('a wrong secret works')
} catch (error) {
  // A 401 has a challenge (RFC 9110 section 15.5.2), which this library looks at before the body.
  if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
  console.log(error.status, error.cause[0].scheme, (await error.response.json()).error)
}
