// A passport, as a partner's own program verifies it: jose with the JWK Set of the server, or with a file of it.

import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'

const { BASE, REPORT, JWKS } = process.env
const remote = createRemoteJWKSet(new URL('/.well-known/jwks.json', BASE))
const local = createLocalJWKSet(JSON.parse(readFileSync(JWKS, 'utf8')))
const digest = createHash('sha256').update(readFileSync(REPORT)).digest('hex')

for await (const passport of createInterface({ input: process.stdin })) {
  try {
    for (const keys of [remote, local]) {
      const { payload } = await jwtVerify(passport, keys, { issuer: BASE, subject: 'demo-writer', typ: 'boomgate-report+jwt' })
      if (payload.verdict !== 'ready' || payload.report_sha256 !== digest) throw new Error('another report')
    }
    console.log('genuine')
  } catch (error) {
    console.log(error.code ?? error.message)
  }
}
