// Discovery of a protected resource from its challenge (RFC 9728), and of its authorization server as OAuth (RFC 8414)
// and as OpenID Connect has it, each checked by oauth4webapi; and by openid-client from nothing but the issuer.

import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

const { BASE, CLIENT_ID, CLIENT_SECRET } = process.env
const issuer = new URL(BASE)
for (const path of ['/parking/zones', '/v3/shared/zones', '/admin', '/metrics', '/']) {
  const resource = new URL(path, BASE)
  const discovered = await oauth.resourceDiscoveryRequest(resource)
  const metadata = await oauth.processResourceDiscoveryResponse(resource, discovered)
  console.log(path, metadata.authorization_servers[0] === BASE, metadata.scopes_supported.join(' '))
}
for (const algorithm of ['oauth2', 'oidc']) {
  const discovered = await oauth.discoveryRequest(issuer, { algorithm })
  const server = await oauth.processDiscoveryResponse(issuer, discovered)
  const config = await client.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, { algorithm })
  const token = await client.clientCredentialsGrant(config, { resource: new URL('/v3', BASE).href })
  console.log(algorithm, config.serverMetadata().token_endpoint === server.token_endpoint, token.scope)
}
