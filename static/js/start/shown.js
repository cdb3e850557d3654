// What the page shows after the first request: the token, the request that was chosen, and those before it.

import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { life } from '../jwt.js';
import { lifeBar } from '../token.js';
import { effect, html, mount, nothing } from '../ui.js';
import { answerView, statusClass } from './answer.js';
import { forget, getToken, run } from './access.js';
import { now } from './clock.js';
import { calls, chosen, client, shown, tokenOf } from './state.js';
import { askWhy } from './why.js';

const panel = document.getElementById('answer');

function renew(of) {
  return run('get-token', async () => {
    forget(of);
    await getToken(of);
  });
}

function tokenView() {
  const of = client.value;
  const held = of && tokenOf(of);
  if (!held) return of ? html`<p class="hint">The page has no token of ${of.clientId} yet.</p>` : nothing;
  const { claims } = held;
  const time = now.value ?? claims.iat;
  const scope = (claims.scope ?? '').split(' ').filter(Boolean);
  const over = () => html`<p class="banner warn">The token has expired: the gate refuses every request with it.
    <button type="button" class="small" @click=${() => renew(of)}>Get a new token</button></p>`;
  return html`<div class="row">${scope.map((word) => html`<span class="badge">${word}</span>`)}</div>
    ${lifeBar(claims, time)}
    ${life(claims, time).isOver ? over() : nothing}`;
}

/** The requests of this page, the newest first. */
function history() {
  if (calls.value.length < 2) return nothing;
  const item = (call) => {
    const { number, kind, method, path, client: of, answer } = call;
    const choose = () => { chosen.value = number; };
    return html`<li><button type="button" class="plain small" title="${method} ${path}, ${of.clientId}"
      aria-pressed=${call === shown.value} @click=${choose}>
      <span class=${statusClass(answer.status)}>${answer.status}</span> <span>${kind === 'token' ? 'token' : method}</span>
      <span class="visually-hidden">${path}, ${of.clientId}</span></button></li>`;
  };
  return html`<ol role="list" class="history" aria-label="Requests of this page, the newest first">
    ${repeat(calls.value, ({ number }) => number, item)}</ol>`;
}

document.getElementById('answer-body').replaceChildren();
mount(document.getElementById('token'), tokenView);
mount(document.getElementById('answer-body'), () => html`${history()}${shown.value ? answerView(shown.value) : nothing}`);
effect(() => {
  if (!shown.value) return;
  const { method, path, answer } = shown.value;
  document.getElementById('answered').textContent = `${answer.status}, the answer to ${method} ${path}`;
  askWhy(shown.value);
});

/** Brings the answer into view, where it is not beside what was clicked. */
export function reveal() {
  const last = shown.peek();
  const { top } = panel.getBoundingClientRect();
  const isBelow = top > innerHeight * 0.7 && (last?.kind === 'call' || last?.answer.status !== 200);
  if (last && (isBelow || top < 0)) panel.scrollIntoView({ block: 'start' });
}
