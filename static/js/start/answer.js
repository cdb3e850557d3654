// One request: what was sent, what came back, the gates that it passed, and the same in code.

import { facts } from '../facts.js';
import { fault } from '../http.js';
import { samples } from '../samples.js';
import { copyButton, html, nothing, signal } from '../ui.js';
import { tokenDetails } from '../token.js';
import { walk } from '../walk.js';
import { call, forget, getToken, run } from './access.js';
import { explained } from './fields.js';
import { busy, language, revealed } from './state.js';
import { tabs } from './tabs.js';
import { explanations } from './why.js';

/** The parts that are open: of a request that got a token, and of any other. */
const partOfToken = signal('token');
const part = signal('answer');

const pageOf = ({ requestId }) => `/why/${encodeURIComponent(requestId)}`;

export const statusClass = (status) => `status s${Math.floor(status / 100)}`;

/** JSON with its names, texts and numbers told apart; any other text as it is. */
function colored(text) {
  return text.split(/("(?:\\.|[^"\\])*"(?:\s*:)?|-?\b\d[\d.eE+-]*\b|\b(?:true|false|null)\b)/).map((piece, index) => {
    if (index % 2 === 0) return piece;
    const kind = /:$/.test(piece) ? 'name' : piece[0] === '"' ? 'text' : 'number';
    return html`<span class=${kind}>${piece}</span>`;
  });
}

/** Text to copy. Code keeps its lines; what came and went is wrapped, so that all of it is seen. */
function block(text, label, { isJson = false, isCode = false } = {}) {
  const shown = isJson ? colored(text) : text;
  return html`<div class="code ${isCode ? '' : 'wrapped'}"><pre tabindex="0" aria-label=${label}><code>${shown}</code></pre>
    ${copyButton(text)}</div>`;
}

function answerPart({ answer }) {
  const page = answer.body?.documentation ?? answer.body?.error_uri;
  const body = answer.body === undefined ? answer.text : JSON.stringify(masked(answer.body), null, 2);
  const isOurs = page?.startsWith(`${facts.issuer}/`);
  const field = ({ name, value, meaning }) => html`<dt><code>${name}</code></dt>
    <dd><code>${value}</code>${meaning ? html` <span class="hint">${meaning}</span>` : nothing}</dd>`;
  return html`
    ${body ? block(body, 'Body of the answer', { isJson: answer.body !== undefined }) : html`<p class="hint">The answer has no body.</p>`}
    ${isOurs ? html`<p><a href=${new URL(page).pathname}>What this problem means, and what to do</a></p>` : nothing}
    <dl class="fields">${explained(answer.headers).map(field)}</dl>`;
}

/** A body as it may be seen: its token and its secret only if they are asked for. */
function masked(body) {
  if (revealed.value || body === null || typeof body !== 'object' || Array.isArray(body)) return body;
  const member = ([name, value]) => [name, /^(client_secret|access_token)$/.test(name) ? '…' : value];
  return Object.fromEntries(Object.entries(body).map(member));
}

function requestPart({ kind, method, path, headers, body, token }) {
  const fields = { ...headers };
  if (token) fields.Authorization = `Bearer ${revealed.value ? token : `${token.slice(0, 12)}…${token.slice(-6)}`}`;
  if (body !== undefined) fields['Content-Type'] ??= 'application/json';
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const text = kind === 'token' ? JSON.stringify(masked(body), null, 2) : body ?? '';
  return block([`${method} ${path} HTTP/2`, ...lines, '', text].join('\n').trimEnd(), 'Request');
}

function codePart({ kind, method, path, headers, body, token, client, answer }) {
  // As a browser sends it: encoded, and without a fragment.
  const url = new URL(facts.issuer + path);
  url.hash = '';
  const list = samples({
    method,
    url: url.href,
    headers,
    credentials: client,
    requestId: answer.requestId,
    reveal: revealed.value,
    authority: facts.isSandbox ? undefined : null,
    ...(kind === 'token' ? {} : { token, body }),
  });
  const [what, where] = kind === 'token' ? ['secret', 'CLIENT_SECRET'] : ['token', 'TOKEN'];
  const hint = html`<p class="hint">It reads the ${what} from <code>${where}</code> in the environment.</p>`;
  const panel = (id) => {
    const { code } = list.find((sample) => sample.language === id);
    return html`${block(code, `The request in ${id}`, { isCode: true })}${revealed.value ? nothing : hint}`;
  };
  const languages = list.map(({ language: id, title }) => ({ id, title }));
  return tabs({ name: 'language', label: 'Language', list: languages, open: language, panel });
}

const PARTS = [
  { id: 'token', title: 'Token, decoded', show: ({ answer }) => tokenDetails(answer.body.access_token, revealed.value) },
  { id: 'answer', title: 'Answer', show: answerPart },
  { id: 'request', title: 'Request', show: requestPart },
  { id: 'code', title: 'The same in code', show: codePart },
];

/** Sends a request again, with a new token if `renews`. */
export function again({ kind, method, path, headers, body, token, client }, renews = false) {
  if (kind === 'token') return run('again', () => getToken(client));
  if (renews) forget(client);
  // Without a new one, the very token of then: also one that was altered on purpose.
  const altered = renews ? undefined : () => token;
  return run('again', () => call({ method, path, headers, body }, { as: client, altered }));
}

function actions(shown) {
  const { answer, kind } = shown;
  const renewal = () => html`<button type="button" class="small" aria-busy=${busy.value === 'again'}
    @click=${() => again(shown, true)}>Get a new token and send again</button>`;
  const page = () => html`<a class="button quiet small" href=${pageOf(answer)}>Page of this refusal</a>`;
  const reveal = ({ target }) => { revealed.value = target.checked; };
  return html`<div class="row">
    ${kind === 'call' && answer.status === 401 ? renewal() : nothing}
    <button type="button" class="quiet small" @click=${() => again(shown)}>Send again</button>
    ${answer.status >= 400 ? page() : nothing}
    <label class="reveal"><input type="checkbox" .checked=${revealed.value} @change=${reveal}> Show token and secret</label>
  </div>`;
}

function why({ number, kind, answer }) {
  const found = explanations.value.get(number);
  if (!found) return html`<p class="hint">Asking why …</p>`;
  if (found.unknown) {
    return html`<p>${fault(answer)}</p><p class="hint">No token proves whose request this was, so only the operator may read more:
      on the <a href=${pageOf(answer)}>page of this refusal</a>.</p>`;
  }
  const detail = answer.status >= 400 ? fault(answer) : undefined;
  return walk(found.explanation, { status: answer.status, detail, fault: found.fault, isTokenRequest: kind === 'token' });
}

/** A request, and all about it. */
export function answerView(shown) {
  const { kind, method, path, client, answer } = shown;
  const hasToken = kind === 'token' && answer.status === 200;
  const took = Math.max(1, Math.round(answer.milliseconds));
  return html`<p class="headline"><span class=${statusClass(answer.status)}>${answer.status}</span>
      <span class="method">${method}</span> <code>${path}</code> <span class="hint">${client.clientId}, ${took} ms</span></p>
    ${why(shown)}
    ${actions(shown)}
    ${tabs({
      name: 'part',
      label: 'Parts of the request',
      list: hasToken ? PARTS : PARTS.slice(1),
      open: hasToken ? partOfToken : part,
      panel: (id) => PARTS.find((one) => one.id === id).show(shown),
    })}`;
}
