// A client's test that starts a sandbox of its own. It needs Node's own modules and `boomgate` on the path.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'

// The sandbox stops when its standard input ends, which also happens if this process is killed.
const SANDBOX = 'sandbox --in-memory --listen 127.0.0.1:0 --ready-json --exit-with-stdin'.split(' ')
const sandbox = spawn(process.env.BOOMGATE ?? 'boomgate', SANDBOX, { stdio: ['pipe', 'pipe', 'inherit'] })
const [line] = await once(createInterface({ input: sandbox.stdout }), 'line')
const ready = JSON.parse(line)
const ca = readFileSync(ready.ca_file)

// Sends a GET, or a POST of a JSON body; returns the status and the JSON of the answer.
async function call(url, { body, token } = {}) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) }
  const sent = request(url, { ca, headers, agent: false, method: body ? 'POST' : 'GET' })
  sent.end(body && JSON.stringify(body))
  const [answer] = await once(sent, 'response')
  return { status: answer.statusCode, json: await json(answer) }
}

const zones = `${ready.url}/parking/zones?limit=1`
const client = { client_id: 'demo-writer', client_secret: ready.clients['demo-writer'].client_secret }
const grant = { ...client, grant_type: 'client_credentials', audience: ready.audience }
const newToken = async () => (await call(ready.token_url, { body: grant })).json.access_token

let token = await newToken()
assert.equal((await call(zones, { token })).status, 200)

const trouble = { body: { client: 'demo-writer' }, token: ready.sandbox_token }
assert.equal((await call(`${ready.url}/sandbox/troubles/token-expires`, trouble)).status, 200)
const refusal = await call(zones, { token })
assert.deepEqual([refusal.status, refusal.json.error], [401, 'invalid_token'])

token = await newToken()
assert.equal((await call(zones, { token })).status, 200)

sandbox.stdin.end()
assert.deepEqual(await once(sandbox, 'exit'), [0, null])
console.log('The token expired, and the next one was accepted.')
