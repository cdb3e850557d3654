// The form that registers a client, and the secret that comes of it.

import { commands } from '../commands.js';
import { Unreachable } from '../http.js';
import { admin, mayWrite } from '../session.js';
import { batch, html, nothing, signal } from '../ui.js';
import { clientFields, faultsOf, focusFault, refused } from './client/form.js';
import { BLANK, draftOf, membersOf, optionsOf } from './client/members.js';
import { secretOnce } from './client/secret-once.js';
import { holdHere } from './leaving.js';
import { loading, refusal } from './parts.js';
import { resource } from './resource.js';

/** The members that the server has no default for, or that differ from the default. */
function newClient(draft, terms) {
  const members = membersOf(draft);
  const defaults = membersOf(draftOf(terms.client_defaults));
  const kept = Object.entries(members).filter(([member, value]) => {
    if (member === 'client_name' || member === 'scope') return true;
    if (member === 'audience') return value.length !== 1 || value[0] !== terms.audiences[0];
    return value !== BLANK && value !== defaults[member];
  });
  const identity = ['client_id', 'client_secret'].filter((member) => draft[member] !== BLANK).map((member) => [member, draft[member]]);
  return Object.fromEntries(identity.concat(kept));
}

/** Opens the form. */
export function open() {
  const terms = resource('/admin/terms');
  const draft = signal(undefined);
  const answer = signal(undefined);
  const isBusy = signal(false);
  const isUnanswered = signal(false);
  const secret = signal(undefined);
  // The same key gets the same answer. So a request that is sent again, because no answer came, registers one client, not two.
  let key = crypto.randomUUID();
  let release;

  const current = () => draft.value ?? {
    ...draftOf(terms.state.value.body.client_defaults),
    scope: ['read:zones'].filter((scope) => terms.state.value.body.scopes.includes(scope)),
    audience: terms.state.value.body.audiences.slice(0, 1),
  };

  const set = (changes) => {
    draft.value = { ...current(), ...changes };
    key = crypto.randomUUID();
    release ??= holdHere('The client is not registered yet.');
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy.peek()) return;
    isBusy.value = true;
    isUnanswered.value = false;
    try {
      const body = newClient(current(), terms.state.value.body);
      const got = await admin('POST', '/admin/clients', { body, headers: { 'Idempotency-Key': key } });
      if (got.status === 201) registered(got.body);
      else {
        answer.value = got;
        focusFault();
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      isUnanswered.value = true;
    } finally {
      isBusy.value = false;
    }
  };

  const registered = (client) => {
    release?.();
    const path = `/console/clients/${encodeURIComponent(client.client_id)}`;
    const done = () => html`<p class="row"><a class="button" href=${path}>Open <bdi>${client.client_name}</bdi></a>
      <a href="/console/clients">All clients</a></p>`;
    batch(() => {
      answer.value = undefined;
      secret.value = client.client_secret
        ? secretOnce({ clientId: client.client_id, secret: client.client_secret, audience: client.audience[0], title: 'The client is registered', warnings: client.warnings, done })
        : { view: () => html`<section class="card stack"><h2 id="secret-title" tabindex="-1">The client is registered</h2>
            <p>Its secret is the one that you chose.</p>${(client.warnings ?? []).map((warning) => html`<p class="banner warn">${warning}</p>`)}${done()}</section>` };
    });
    requestAnimationFrame(() => document.getElementById('secret-title')?.focus());
  };

  const form = () => {
    const { body } = terms.state.value;
    const request = newClient(current(), body);
    const { client_id: chosenId, client_secret: chosenSecret, declared, enforce, report_required: reportRequired, ...rest } = request;
    const shownBody = chosenSecret ? { ...request, client_secret: '…' } : request;
    const faults = faultsOf(answer.value);
    // `client add` has no option for these: the server takes them by HTTP, or from a file of declared clients.
    const hasCommand = chosenId === undefined && chosenSecret === undefined && declared === undefined && enforce === undefined;
    return html`<form class="client-form" novalidate @submit=${submit}>
      <div class="stack fields">${clientFields({ draft: current(), set, faults, terms: body, isNew: true })}</div>
      <div class="stack ends"><div aria-live="assertive">${answer.value ? refused(answer.value) : nothing}
        ${isUnanswered.value ? html`<p class="banner bad">The server did not answer. Send it again once it does: it registers one client, even if it got the first request.</p>` : nothing}</div>
      <div class="row actions">
        <button aria-busy=${isBusy.value} ?disabled=${!mayWrite.value}>Register</button>
        <a class="button quiet" href="/console/clients">Cancel</a>
        ${mayWrite.value ? nothing : html`<span class="hint">Your scope has no write:admin.</span>`}
      </div>
      ${commands({
        method: 'POST',
        path: '/admin/clients',
        body: shownBody,
        boomgate: hasCommand ? ['client', 'add', ...optionsOf(rest), ...(reportRequired ? ['--report-required'] : [])] : undefined,
      })}</div>
    </form>`;
  };

  const view = () => html`
    <nav class="crumbs" aria-label="Where this is"><ol><li><a href="/console/clients">Clients</a></li><li aria-current="page">Register</li></ol></nav>
    <h1>Register a client</h1>
    ${secret.value ? secret.value.view() : html`
      <p class="hint">A client is an application that may call the API. It gets a client_id and a secret, and with them tokens. All of this can be changed later, but the client_id.</p>
      ${refusal(terms.state.value.refused, terms.read)}
      ${terms.state.value.body ? form() : terms.state.value.refused ? nothing : loading()}`}`;

  return {
    view,
    close() {
      terms.close();
      release?.();
      secret.peek()?.close?.();
    },
  };
}
