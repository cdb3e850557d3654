// Why a request was answered so. A sandbox writes what it knows into the page; elsewhere the page asks who reads it, and shows
// what that reader may see. Whoever was given an id by a partner reads it here.

import { facts } from './facts.js';
import { Unreachable, fault, isReachable, send } from './http.js';
import { admin, signIn } from './session.js';
import { moment } from './jwt.js';
import { decoded, html, mount, nothing, signal } from './ui.js';
import { walk } from './walk.js';

const app = document.getElementById('app');
const requestId = decoded(location.pathname.slice('/why/'.length));

/** What is known of the request, or null before it is. */
const known = signal(app.dataset.explanation ? JSON.parse(app.dataset.explanation) : null);
const failure = signal('');
const isBusy = signal(false);
/** As whom the reader signs in: `client` or `operator`. */
const role = signal('client');

/** What a client learns of its own request. */
async function askAsClient(clientId, clientSecret) {
  // The API that is asked names itself as the resource: its audience is a setting of the server.
  const body = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, resource: facts.issuer };
  const issued = await send('POST', '/oauth2/token', { body });
  if (issued.status !== 200) throw new Error(fault(issued));
  return send('GET', `/oauth2/refusals/${encodeURIComponent(requestId)}`, { token: issued.body.access_token });
}

async function askAsOperator(clientId, clientSecret) {
  await signIn(clientId, clientSecret);
  return admin('GET', `/admin/refusals/${encodeURIComponent(requestId)}`);
}

async function submit(event) {
  event.preventDefault();
  const fields = new FormData(event.target);
  const ask = role.value === 'operator' ? askAsOperator : askAsClient;
  failure.value = '';
  isBusy.value = true;
  try {
    const answer = await ask(fields.get('client_id').trim(), fields.get('client_secret').trim());
    if (answer.status === 200) known.value = answer.body;
    else failure.value = fault(answer);
  } catch (error) {
    failure.value = error instanceof Unreachable ? '' : error.message;
  } finally {
    isBusy.value = false;
  }
}

function signInForm() {
  const choice = (value, title, hint) => html`<label>
    <input type="radio" name="role" value=${value} .checked=${role.value === value} @change=${() => { role.value = value; }}>
    <span>${title} <span class="hint">${hint}</span></span></label>`;
  return html`<p class="lead">Request <code>${requestId}</code></p>
    <p>Who may read why it was refused: the client that sent it, and the operator of this server.</p>
    <form class="stack" @submit=${submit}>
      <fieldset class="stack tight"><legend>You are</legend>
        ${choice('client', 'the client that sent it', 'with its own credentials')}
        ${choice('operator', 'an operator', 'with those of an administrator')}</fieldset>
      <div class="field"><label for="client-id">client_id</label>
        <input id="client-id" name="client_id" required autocomplete="username" autocapitalize="none" spellcheck="false"></div>
      <div class="field"><label for="client-secret">client_secret</label>
        <input id="client-secret" name="client_secret" type="password" required autocomplete="current-password"
          aria-describedby="secret-hint">
        <p class="hint" id="secret-hint">It stays in the memory of this page, and goes nowhere but to this server.</p></div>
      <p class="error" role="alert">${failure.value}</p>
      <button aria-busy=${isBusy.value}>Say why</button>
    </form>
    <details><summary>The same in a terminal</summary><p><code>boomgate why ${requestId}</code></p></details>`;
}

function explained(request) {
  const { method, path, query, status, reason, at, detail, others } = request;
  const clientId = request.client ?? request.client_id ?? request.named_client_id;
  const when = typeof at === 'number' ? moment(at) : at;
  const kind = app.dataset.kind;
  const chip = html`<span class="status s${status === null ? 5 : Math.floor(status / 100)}">${status ?? 'no answer'}</span>`;
  const why = kind ? html`<a href="/problems/${kind}">${reason}</a>: what it means, and what to do` : html`<code>${reason}</code>`;
  const shown = { status: status ?? undefined, detail: detail ?? undefined, fault: request.fault };
  return html`<p class="lead">${chip} <code>${method} ${path}${query ? `?${query}` : ''}</code></p>
    <div class="card">${walk(request.explanation, shown)}</div>
    <dl class="facts">
      <dt>Client</dt><dd>${clientId ?? 'none was named'}</dd>
      <dt>When</dt><dd><time datetime=${when}>${when}</time></dd>
      ${reason ? html`<dt>Reason</dt><dd>${why}</dd>` : nothing}
      ${request.source ? html`<dt>Address</dt><dd><code>${request.source}</code></dd>` : nothing}
      <dt>Request</dt><dd><code>${request.request_id}</code>${others > 0 ? html`, the newest of ${others + 1} with this id` : nothing}</dd>
    </dl>`;
}

app.replaceChildren();
mount(app, () => html`<div class="stack why">
  ${isReachable.value ? nothing : html`<p class="banner" role="alert">The server does not answer. This page tries again each second.</p>`}
  ${known.value ? explained(known.value) : signInForm()}</div>`);
