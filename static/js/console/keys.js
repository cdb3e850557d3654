// The keys that sign tokens: which one signs, which ones verify and until when; rotate and revoke.

import { boomgateLine, commands } from '../commands.js';
import { administrator, mayWrite } from '../session.js';
import { code, copyButton, html, nothing, say, signal, svg } from '../ui.js';
import { act } from './client/act.js';
import { absolute, at, loading, refusal, when } from './parts.js';
import { resource } from './resource.js';

const PATH = '/admin/keys';
const EVERY_MS = 10_000;
/** How much of a kid is enough to tell keys apart. */
const SHORT = 8;
const STATES = {
  next: ['info', 'waits to sign'],
  signing: ['ok', 'signs'],
  verifying: ['', 'verifies'],
};

const short = (kid) => kid.slice(0, SHORT);

/** The name of a key: its start, with the whole in its title. */
const kidOf = ({ kid }) => html`<span class="kid"><code title=${kid}>${short(kid)}…</code> ${copyButton(kid)}</span>`;

function badge({ state }) {
  const [kind, words] = STATES[state];
  return html`<span class="badge ${kind}">${words}</span>`;
}

/** Makes the next key. */
function rotate(keys) {
  const isAtOnce = signal(false);
  const choice = (value, label, why) => html`<label class="choice"><input type="radio" name="start" .checked=${isAtOnce.value === value}
    @change=${() => { isAtOnce.value = value; }}> <span>${label} <span class="hint">${why}</span></span></label>`;
  return act({
    title: 'Rotate the signing key',
    text: () => html`<p>The server makes a new key and publishes it at once. The old one goes on verifying the tokens that it has signed,
        until the last of them has expired. No client has to do anything.</p>
      <fieldset class="stack tight"><legend>When the new key signs</legend>
        ${choice(false, 'In 15 minutes', 'every resource server has read it by then')}
        ${choice(true, 'At once', 'the old key was stolen')}
      </fieldset>
      ${isAtOnce.value ? html`<p class="note warn">A resource server that verifies tokens by itself may refuse new ones until it reads the
        key set again. If the old key was stolen, revoke it next.</p>` : nothing}`,
    button: 'Make a new key',
    request: () => ({
      method: 'POST',
      path: `${PATH}/rotate`,
      body: { immediately: isAtOnce.value },
      boomgate: ['key', 'rotate', ...(isAtOnce.value ? ['--immediately'] : [])],
    }),
  }).then((answer) => {
    if (!answer) return;
    say('The new key is published.');
    keys.read();
  });
}

/** Whether a key has signed the token of who works with this page: the head of the token says so. */
function hasSignedOwnToken({ kid }) {
  const [head] = administrator.value?.token.split('.') ?? [];
  return Boolean(head) && JSON.parse(atob(head.replaceAll('-', '+').replaceAll('_', '/'))).kid === kid;
}

/** Revokes a key, with all tokens that it has signed. */
function revoke(key, keys) {
  return act({
    title: 'Revoke this key?',
    text: () => html`<p>Every token that <code>${short(key.kid)}…</code> has signed is refused from the next request on, at every client.
      Clients that handle a 401 ask for a new token and go on. <strong>This cannot be undone.</strong></p>
      ${key.state === 'signing' ? html`<p class="note warn">This key signs now. The server refuses to revoke it while no other key can sign:
        rotate first, at once.</p>` : nothing}
      ${hasSignedOwnToken(key) ? html`<p class="note">It has signed your own token, too: you sign in again afterwards.</p>` : nothing}`,
    button: 'Revoke the key',
    isDangerous: true,
    typed: short(key.kid),
    request: () => ({ method: 'DELETE', path: `${PATH}/${encodeURIComponent(key.kid)}`, boomgate: ['key', 'revoke', key.kid] }),
  }).then((answer) => {
    if (!answer) return;
    say('The key is revoked.');
    keys.read();
  });
}

/** When each key is published, signs and verifies: `{ key, published, signs, verifies }`, each `[from, until]` in milliseconds. */
function spans({ data, rotates_at: rotatesAt }, end) {
  const time = (text, otherwise) => (text ? Date.parse(text) : otherwise);
  return data.map((key) => {
    const from = time(key.signs_from);
    const until = time(key.signs_until, time(rotatesAt, end));
    return { key, published: [time(key.created_at), from], signs: [from, until], verifies: [until, time(key.verifies_until, until)] };
  });
}

/** The lives of the keys on one axis of time, with a line for now. The table below has the same as text. */
function timeline(body, now) {
  const times = body.data.flatMap((key) => [key.created_at, key.signs_from, key.signs_until, key.verifies_until, body.rotates_at])
    .filter(Boolean).map((text) => Date.parse(text)).concat(now);
  const [first, latest] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max((latest - first) * 0.03, 60_000);
  const [from, until] = [first - margin, latest + margin];
  const x = (time) => ((Math.min(Math.max(time, from), until) - from) / (until - from)) * 100;
  const part = ([start, stop], kind) => (stop > start
    ? svg`<rect class=${kind} x=${x(start)} y="1" width=${Math.max(x(stop) - x(start), 0.3)} height="10" rx="0.4"></rect>` : nothing);
  return html`<div class="lives" aria-hidden="true">
    ${spans(body, until).map(({ key, published, signs, verifies }) => html`<code class="kid">${short(key.kid)}</code>
      <svg viewBox="0 0 100 12" preserveAspectRatio="none">${part(published, 'published')}${part(verifies, 'verifies')}${part(signs, 'signs')}
        <line class="now" x1=${x(now)} x2=${x(now)} y1="0" y2="12"></line></svg>`)}
    <span></span><p class="ends"><span>${absolute(new Date(first).toISOString())}</span><span>${absolute(new Date(latest).toISOString())}</span></p>
  </div>
  <p class="legend" aria-hidden="true"><span class="key published"></span> is published <span class="key signs"></span> signs
    <span class="key verifies"></span> verifies <span class="key now"></span> now</p>`;
}

function table(data, keys) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the keys">
    <table class="data keys"><caption class="visually-hidden">Signing keys, in the order in which they sign</caption>
      <thead><tr><th scope="col">Key</th><th scope="col">Now it</th><th scope="col">Algorithm</th>
        <th scope="col">Signs from</th><th scope="col">Signs until</th><th scope="col">Verifies until</th>
        ${mayWrite.value ? html`<th scope="col"><span class="visually-hidden">Actions</span></th>` : nothing}</tr></thead>
      <tbody>${data.map((key) => html`<tr>
        <th scope="row">${kidOf(key)}</th>
        <td>${badge(key)}</td>
        <td>${key.algorithm}${key.imported ? html` <span class="badge">imported</span>` : nothing}</td>
        <td>${at(key.signs_from)}</td>
        <td>${at(key.signs_until, 'its successor signs')}</td>
        <td>${at(key.verifies_until, 'its tokens have expired')}</td>
        ${mayWrite.value ? html`<td><button type="button" class="danger quiet small" aria-label="Revoke the key ${short(key.kid)}"
          @click=${() => revoke(key, keys)}>Revoke</button></td>` : nothing}
      </tr>`)}</tbody></table></div>`;
}

/** Opens `/console/keys`. */
export function open() {
  const keys = resource(PATH, { every: EVERY_MS });

  const rotation = ({ rotates_at: rotatesAt }) => (rotatesAt
    ? html`<p>The key that signs is replaced ${when(rotatesAt)}, on <time datetime=${rotatesAt}>${absolute(rotatesAt)}</time>, by itself.</p>`
    : html`<p>Nothing replaces the key that signs by itself. You rotate it, or set <code>key_rotation_days</code>.</p>`);

  const view = () => {
    const { body, refused } = keys.state.value;
    return html`<div class="heading"><h1>Keys</h1>
        ${mayWrite.value ? html`<button type="button" class="actions" @click=${() => rotate(keys)}>Rotate…</button>` : nothing}</div>
      <p class="hint">One key signs the tokens. Others verify tokens that they have signed before, or wait for their turn. Programs that verify tokens read
        the public parts at <a href="/.well-known/jwks.json">/.well-known/jwks.json</a>.</p>
      ${refusal(refused, keys.read)}
      ${!body && !refused ? loading() : nothing}
      ${body ? html`<section class="card stack" aria-labelledby="lives"><h2 id="lives">Which key does what, and until when</h2>
        ${rotation(body)}
        ${timeline(body, Date.now())}
        ${table(body.data, keys)}
        ${commands({ path: PATH, boomgate: ['key', 'list'] })}</section>` : nothing}
      <section class="card stack tight" aria-labelledby="import"><h2 id="import">Import an RSA key</h2>
        <p>For resource servers that verify RS256 alone. A private key does not belong in a browser, so this is done in a terminal, on the
          machine that has the file:</p>
        ${code(boomgateLine(['key', 'import', 'rsa.pem']), 'boomgate command')}
        <p class="hint">It signs 15 minutes later, or at once with <code>--immediately</code>. The request that it sends is in the
          <a href="/docs#importKey">API reference</a>.</p></section>`;
  };

  return { view, close: keys.close };
}
