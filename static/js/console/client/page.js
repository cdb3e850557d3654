// The page of one client: what it is and may do, how much it calls, why it was refused, and what one can do about it.

import { commands } from '../../commands.js';
import { mayWrite } from '../../session.js';
import { copyButton, html, nothing, say, signal } from '../../ui.js';
import { at, loading, number, refusal, span } from '../parts.js';
import { resource } from '../resource.js';
import { go } from '../router.js';
import { remove, resume, revokeTokens, suspend } from './actions.js';
import { openHistory } from './history.js';
import { openNow } from './now.js';
import { openPulse } from './pulse.js';
import { openRefusals } from './refusals.js';
import { reportOf } from './report.js';
import { secretOnce } from './secret-once.js';
import { secretsOf } from './secrets.js';
import { openUsage } from './usage.js';

/** Opens the page of the client of this `client_id`. */
export function open({ name: id }) {
  const path = `/admin/clients/${encodeURIComponent(id)}`;
  const page = `/console/clients/${encodeURIComponent(id)}`;
  const client = resource(path);
  const now = openNow(id);
  const usage = openUsage(id);
  const pulse = openPulse(id);
  const refusals = openRefusals(id);
  const history = openHistory(id);
  const secret = signal(undefined);

  const changed = () => {
    client.read();
    now.read();
    usage.read();
    history.read();
  };

  const done = async (action, text) => {
    if (!await action(client.state.peek().body)) return;
    changed();
    say(text);
  };

  const deleted = async () => {
    if (!await remove(client.state.peek().body)) return;
    await go('/console/clients');
    say(`${id} is deleted.`);
  };

  const rotated = ({ body }) => {
    const hide = () => {
      secret.peek()?.close();
      secret.value = undefined;
    };
    changed();
    secret.value = secretOnce({
      clientId: id,
      secret: body.client_secret,
      audience: body.audience[0],
      title: 'The new secret',
      warnings: body.warnings,
      done: () => html`<p><button type="button" class="quiet" @click=${hide}>Hide it</button></p>`,
    });
    requestAnimationFrame(() => document.getElementById('secret-title')?.focus());
  };

  const actions = ({ status }) => html`<div class="row actions">
    <a class="button" href="${page}/edit">Edit</a>
    ${status === 'active'
      ? html`<button type="button" class="quiet" @click=${() => done(suspend, `${id} is suspended.`)}>Suspend</button>`
      : html`<button type="button" class="quiet" @click=${() => done(resume, `${id} may call again.`)}>Resume</button>`}
    <button type="button" class="quiet" @click=${() => done(revokeTokens, `The tokens of ${id} are revoked.`)}>Revoke tokens</button>
    <button type="button" class="quiet danger" @click=${deleted}>Delete</button>
  </div>`;

  const body = (shown) => html`
    ${secret.value?.view() ?? nothing}
    <div class="halves">
      <section class="card stack tight" aria-labelledby="facts"><h2 id="facts">What it is</h2>${factsOf(shown)}</section>
      ${now.view(shown)}
    </div>
    <div class="halves">${pulse.view()}${usage.view()}</div>
    ${secretsOf(shown, { rotated, changed })}
    ${refusals.view()}
    ${history.view()}
    ${reportOf(shown, changed)}
    ${commands({ path, boomgate: ['client', 'show', id] })}`;

  const view = () => {
    const { body: shown, refused } = client.state.value;
    return html`
      <nav class="crumbs" aria-label="Where this is"><ol><li><a href="/console/clients">Clients</a></li><li aria-current="page">${id}</li></ol></nav>
      <div class="heading">
        <h1><bdi class="name" title=${shown?.client_name ?? nothing}>${shown?.client_name ?? id}</bdi></h1>
        ${shown ? html`<span class="badge ${shown.status === 'active' ? 'ok' : 'bad'}">${shown.status}</span>` : nothing}
        ${shown && mayWrite.value ? actions(shown) : nothing}
      </div>
      ${refused?.status === 404 ? html`<div class="empty"><h2>No such client</h2><p>No client has the client_id <code>${id}</code>. It may have been deleted: the
        <a href="/console/audit?subject=${encodeURIComponent(id)}">audit log</a> says so.</p><a class="button quiet" href="/console/clients">All clients</a></div>` : html`
        ${refusal(refused, client.read)}
        ${shown ? body(shown) : refused ? nothing : loading()}`}`;
  };

  return {
    view,
    close() {
      for (const part of [client, now, usage, pulse, refusals, history]) part.close();
      secret.peek()?.close();
    },
  };
}

function factsOf(client) {
  const words = (list) => list.map((word) => html`<code>${word}</code> `);
  return html`<dl class="facts">
    <div><dt>client_id</dt><dd><code>${client.client_id}</code> ${copyButton(client.client_id)}</dd></div>
    <div><dt>Scope</dt><dd>${words(client.scope.split(' '))}</dd></div>
    <div><dt>Audience</dt><dd>${words(client.audience)}</dd></div>
    <div><dt>Its tokens live</dt><dd>${span(client.token_ttl)}</dd></div>
    <div><dt>Its quota</dt><dd>${client.daily_quota === null ? 'no limit' : `${number(client.daily_quota)} requests in a UTC day`}</dd></div>
    <div><dt>Registered</dt><dd>${at(client.created_at)}${client.declared ? html` <span class="badge info">declared in a file</span>` : nothing}</dd></div>
    <div><dt>Changed</dt><dd>${at(client.updated_at)}</dd></div>
    <div><dt>Tokens valid from</dt><dd>${at(client.tokens_valid_from)}</dd></div>
  </dl>`;
}
