// A resource server that knows the JWK Set alone: jose, with all that it does by default. It is told the time
// with each token, for the tests move it; what jose keeps of the set and what it says of exp follow.

import { createInterface } from 'node:readline'
import { mock } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'

const { BASE, AUDIENCE } = process.env
mock.timers.enable({ apis: ['Date'] })
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', BASE))

for await (const line of createInterface({ input: process.stdin })) {
  const { now, token } = JSON.parse(line)
  mock.timers.setTime(now * 1000)
  const { kid } = decodeProtectedHeader(token)
  const unexpected = keys.fresh && !keys.jwks().keys.some((key) => key.kid === kid)
  try {
    await jwtVerify(token, keys, { issuer: BASE, audience: AUDIENCE, typ: 'at+jwt' })
    console.log(unexpected ? 'genuine, but of a key that was not expected' : 'genuine')
  } catch (error) {
    console.log(error.code === 'ERR_JWKS_NO_MATCHING_KEY' ? 'of an unknown key' : error.stack.replaceAll('\n', ' '))
  }
}
