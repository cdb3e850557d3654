// An access token, decoded: what is in it, what that means, and how long it lives. Nothing here verifies its signature: the
// server does, and a client passes a token on as it is.

import { decoded, life, moment, span } from './jwt.js';
import { html, nothing } from './ui.js';

export { decoded } from './jwt.js';

const MEANINGS = {
  alg: 'the algorithm of the signature',
  kid: 'the key that signed it, of the JWK Set',
  typ: 'an access token (RFC 9068)',
  iss: 'who issued it: this server',
  sub: 'whom it is about: the client',
  client_id: 'the client that it was issued to',
  aud: 'the API that it is for; every other API refuses it',
  scope: 'what it allows',
  iat: 'when it was issued',
  nbf: 'from when on it is valid',
  exp: 'when it expires',
  jti: 'its own name: the log and the journal name it so, and one token is revoked by it',
};
const TIMES = ['iat', 'nbf', 'exp'];

function value(name, of) {
  if (TIMES.includes(name) && Number.isFinite(of)) return html`${of}<br><time datetime=${moment(of)}>${moment(of)}</time>`;
  if (name === 'scope') return html`${String(of).split(' ').map((scope) => html`<span class="badge">${scope}</span> `)}`;
  return typeof of === 'string' ? of : JSON.stringify(of);
}

function members(title, part, of) {
  return html`<table class="claims" data-part=${part}><caption>${title}</caption><tbody>${Object.entries(of).map(([name, item]) => html`
    <tr><th scope="row"><code>${name}</code></th><td><span class="value">${value(name, item)}</span>
      ${MEANINGS[name] ? html`<span class="hint">${MEANINGS[name]}</span>` : nothing}</td></tr>`)}</tbody></table>`;
}

/**
 * The bar of a token's life, with what is left of it in words.
 *
 * @param {object} claims
 * @param {number} now the server's clock, in seconds
 */
export function lifeBar(claims, now) {
  const { left, share, isOver } = life(claims, now);
  const until = moment(claims.exp);
  return html`<div class="life">
    <progress class="meter ${share < 0.1 ? 'warn' : 'ok'}" max="1" .value=${share} aria-label="Life of the token"></progress>
    <span>${isOver ? `expired ${span(-left)} ago, at` : `${span(left)} left, until`}
      <time datetime=${until} title=${until}>${until.slice(11, 19)} UTC</time></span>
  </div>`;
}

/** A token as it is sent, its three parts told apart, and what is in them. */
export function tokenDetails(token, isRevealed = false) {
  const jwt = decoded(token);
  if (!jwt) return html`<p>This token is not a JWT: only the server knows what it means.</p>`;
  const [header, claims, signature] = jwt.parts;
  const part = (name, text) => html`<span data-part=${name}>${text}</span>`;
  const sent = html`${part('header', header)}.${part('claims', claims)}.${part('signature', isRevealed ? signature : `…${signature.slice(-6)}`)}`;
  return html`<pre class="jwt" tabindex="0" aria-label="The token as it is sent">${sent}</pre>
    <div class="claim-tables">${members('Header', 'header', jwt.header)}${members('Claims', 'claims', jwt.claims)}</div>
    <p class="hint"><span data-part="signature">The signature</span> proves that this server made the token and nobody changed
      it. A client does not read a token: it sends it on.</p>`;
}
