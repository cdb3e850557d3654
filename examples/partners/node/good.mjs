// A client of the parking API that survives what happens in a year. It needs Node 20.3 or newer, and openid-client.
//
// It lists zones, reads them by four workers, creates one, renames it and deletes it. `Api` is the part to copy, `job` is the
// part to replace.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Configuration, clientCredentialsGrant, customFetch } from 'openid-client'

// Why the job cannot be done, in one line.
export class Failure extends Error {}

export class Api {
  userAgent = 'curbside/1.4 (+https://curbside.example/contact)'
  timeoutMs = 5_000 // for a whole answer
  longestWaitMs = 60_000 // whoever asks for more is not waited for
  tries = { failed: 4, limited: 10 } // of one request
  stopping = new AbortController()

  constructor({ BOOMGATE_URL, BOOMGATE_TOKEN_URL, BOOMGATE_AUDIENCE, BOOMGATE_CLIENT_ID, BOOMGATE_CLIENT_SECRET }) {
    this.url = BOOMGATE_URL
    this.audience = BOOMGATE_AUDIENCE
    const server = { issuer: BOOMGATE_URL, token_endpoint: BOOMGATE_TOKEN_URL }
    this.oauth = new Configuration(server, BOOMGATE_CLIENT_ID, BOOMGATE_CLIENT_SECRET)
    // A token request makes nothing, so it can always be repeated.
    this.oauth[customFetch] = async (url, options) => {
      const answer = await this.send(url, options, true)
      if (!answer.ok) throw new Failure(`no token: ${await reason(answer)}`)
      return answer
    }
  }

  // What the API offers.

  async *zones(operatorId) {
    const query = new URLSearchParams({ operator_id: operatorId, limit: 5 })
    for (;;) {
      const page = await (await this.request('GET', `/parking/zones?${query}`)).json()
      yield* page.data
      if (!page.next_cursor) return
      query.set('cursor', page.next_cursor)
    }
  }

  zone(id) {
    return this.request('GET', `/parking/zones/${id}`)
  }

  // One key for all tries of this request: whatever is lost on the way, there is one zone.
  createZone(zone) {
    return this.request('POST', '/parking/zones', { 'Idempotency-Key': randomUUID() }, zone)
  }

  // Changes the version that was read, and no other.
  changeZone(id, etag, change) {
    return this.request('PATCH', `/parking/zones/${id}`, { 'If-Match': etag }, change)
  }

  deleteZone(id, etag) {
    return this.request('DELETE', `/parking/zones/${id}`, { 'If-Match': etag })
  }

  // Requests with a token.

  // Sends a request; if its token is refused, once more with a new one.
  async request(method, path, headers = {}, body) {
    const idempotent = ['GET', 'PUT', 'DELETE'].includes(method)
    const repeatable = idempotent || 'Idempotency-Key' in headers || 'If-Match' in headers
    const send = (token) => {
      const fields = { ...headers, Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) }
      return this.send(this.url + path, { method, headers: fields, body: body && JSON.stringify(body) }, repeatable)
    }
    const token = await this.token()
    let answer = await send(token)
    if (answer.status === 401) answer = await send(await this.token(token))
    if (!answer.ok) throw new Failure(`${method} ${path.split('?')[0]}: ${await reason(answer)}`)
    return answer
  }

  // The token, or a new one: shortly before it expires, or if it is the one that was refused.
  async token(refused) {
    const { newest } = this
    const usable = newest && newest.value !== refused && performance.now() < newest.renewAt
    return (usable ? newest : await this.renew()).value
  }

  // However many workers need a new token at a time, one request is made for it.
  renew() {
    this.renewal ??= this.newToken().finally(() => (this.renewal = undefined))
    return this.renewal
  }

  async newToken() {
    const askedAt = performance.now()
    const grant = await clientCredentialsGrant(this.oauth, { audience: this.audience }).catch((error) => {
      throw error.cause instanceof Failure ? error.cause : error
    })
    this.newest = { value: grant.access_token, renewAt: askedAt + this.usefulLife(grant.expires_in) * 1000 }
    return this.newest
  }

  // For how many seconds a token is used. A server need not say how long it lives; then it is used until it is refused.
  usefulLife(life) {
    return life === undefined ? Infinity : life - Math.min(30, life / 5)
  }

  // One request, several tries.

  // Sends a request, and again if it failed for a moment and nothing can happen twice by that.
  async send(url, options, repeatable) {
    const tries = { failed: 0, limited: 0 }
    let leave = this.limited && (await this.queue())
    try {
      for (;;) {
        const { answer, problem } = await this.sendOnce(url, options)
        if (!problem) return answer
        const kind = answer?.status === 429 ? 'limited' : 'failed'
        const waitMs = this.waitMs(++tries[kind], answer)
        if (!repeatable || tries[kind] >= this.tries[kind] || waitMs > this.longestWaitMs) {
          throw new Failure(`${options.method} ${new URL(url).pathname}: ${problem}`)
        }
        if (kind === 'limited') {
          this.limited = true
          leave ||= await this.queue()
        }
        await sleep(waitMs, undefined, { signal: this.stopping.signal })
      }
    } finally {
      leave?.()
    }
  }

  async sendOnce(url, options) {
    const headers = new Headers(options.headers)
    headers.set('User-Agent', this.userAgent)
    try {
      const sent = await fetch(url, { ...options, headers, signal: this.signal() })
      const body = await sent.text() // fails if the body is not whole
      const answer = new Response(body || null, sent)
      if (answer.status === 429 || answer.status >= 500) return { answer, problem: await reason(answer.clone()) }
      if (answer.ok && body) JSON.parse(body)
      return { answer }
    } catch (error) {
      this.stopping.signal.throwIfAborted()
      return { problem: error.cause?.code ?? error.name }
    }
  }

  signal() {
    return AbortSignal.any([this.stopping.signal, AbortSignal.timeout(this.timeoutMs)])
  }

  // Since the first 429 requests go one by one, and the wait of one is a wait of all.
  async queue() {
    const before = this.last
    let leave
    this.last = new Promise((resolve) => (leave = resolve))
    await before
    return leave
  }

  // The wait before the next try: what the server asks for, and without that longer each time: about 0.4, 0.8, 1.6 s, by
  // chance, so that not all clients come back at the same moment.
  waitMs(tries, answer) {
    const backoffMs = 250 * 2 ** tries * (0.6 + 0.4 * Math.random())
    return Math.max(backoffMs, answer ? this.retryAfterMs(answer.headers) : 0)
  }

  // `Retry-After` is a number of seconds, or a date: by the server's clock, because that of this machine may be wrong.
  retryAfterMs(headers) {
    const value = headers.get('Retry-After') ?? ''
    const ms = /^\d+$/.test(value) ? value * 1000 : Date.parse(value) - Date.parse(headers.get('Date'))
    return ms || 0
  }
}

// What an answer says, as one line for a log. It has no secret.
async function reason(answer) {
  const body = await answer.json().catch(() => ({}))
  const what = body.error_description ?? body.detail ?? body.title ?? body.error ?? answer.statusText
  return `${answer.status} ${what} (request ${answer.headers.get('X-Request-Id') ?? 'without an id'})`
}

async function job(api) {
  const ids = []
  for await (const zone of api.zones('marwick-council')) ids.push(zone.id)
  const work = ids.slice(0, 8).values()
  const worker = async () => {
    for (const id of work) await api.zone(id)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  console.log(`${ids.length} zones, and read 8 of them`)

  const place = { operator_id: 'marwick-council', location: { latitude: 34.7181, longitude: -76.6527 } }
  const number = `curbside-${randomUUID().slice(0, 8)}`
  const made = await api.createZone({ number, name: 'Quay 9', session_type: 'vehicle', ...place })
  const { id, name } = await made.json()
  console.log(`created ${id}`)
  const changed = await api.changeZone(id, made.headers.get('ETag'), { name: `${name}, north side` })
  console.log('renamed it')
  await api.deleteZone(id, changed.headers.get('ETag'))
  console.log('deleted it')
}

export async function main(ApiClass = Api) {
  const api = new ApiClass(process.env)
  try {
    await job(api)
  } catch (failure) {
    api.stopping.abort(new Failure('stopped')) // the other workers
    console.error(failure.message)
    process.exitCode = 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main()
