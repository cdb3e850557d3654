// The requests that the server refused lately: by reason and by route, and why each of them.

import { commands } from '../commands.js';
import { admin } from '../session.js';
import { effect, html, nothing, signal } from '../ui.js';
import { checkName, walk } from '../walk.js';
import { grouped, recentRefusals, routeOf } from './refusals/recent.js';
import { counted, loading, number, outside, refusal, when } from './parts.js';
import { setQuery } from './router.js';

/** How many rows are shown at first, and more with each click. */
const ROWS = 50;

const reasonName = (reason) => reason.replaceAll('_', ' ');
const statusOf = (status) => html`<span class="status s${Math.floor(status / 100)}">${status}</span>`;

/** Opens `/console/refusals`. */
export function open({ query }) {
  const client = signal(query.get('client') ?? '');
  const reason = signal(query.get('reason') ?? '');
  const route = signal(query.get('route') ?? '');
  const recent = signal(undefined);
  const rows = signal(ROWS);
  /** The refusal whose walk is open: `{ one, body, refused }`. */
  const opened = signal(undefined);

  const stopFollowing = effect(() => {
    const following = recentRefusals(client.value ? { client: client.value } : {});
    recent.value = following;
    return following.close;
  });

  const remember = () => setQuery({ client: client.peek(), reason: reason.peek(), route: route.peek() });
  const choose = (chosen, value) => {
    chosen.value = chosen.peek() === value ? '' : value;
    rows.value = ROWS;
    opened.value = undefined;
    remember();
  };
  const showAll = () => {
    [client.value, reason.value, route.value] = ['', '', ''];
    opened.value = undefined;
    remember();
  };

  const explain = async (one) => {
    if (opened.peek()?.one === one) {
      opened.value = undefined;
      return;
    }
    opened.value = { one };
    const answer = await admin('GET', `/admin/refusals/${encodeURIComponent(one.request_id)}`);
    if (opened.peek()?.one !== one) return;
    opened.value = answer.status === 200 ? { one, body: answer.body } : { one, refused: answer };
  };

  /** A table of groups: each is a button that shows its refusals alone. */
  const groups = (title, column, all, name, chosen, label) => {
    const found = grouped(all, name);
    const most = found[0]?.[1].length ?? 1;
    const id = `by-${column.toLowerCase()}`;
    return html`<section class="card stack tight" aria-labelledby=${id}><h2 id=${id}>${title}</h2>
      <div class="scroll short" tabindex="0" role="region" aria-label="Table: ${title}"><table class="data groups">
        <caption class="visually-hidden">${title}, the most frequent first</caption>
        <thead><tr><th scope="col">${column}</th><th scope="col" class="num">Requests</th><th scope="col">Last</th></tr></thead>
        <tbody>${found.map(([key, some]) => html`<tr>
          <th scope="row"><button type="button" class="plain choice" aria-pressed=${chosen.value === key} @click=${() => choose(chosen, key)}>${label(key, some)}</button></th>
          <td class="num"><meter class="meter" min="0" max=${most} value=${some.length} aria-hidden="true"></meter> ${number(some.length)}</td>
          <td>${when(some[0].at)}</td></tr>`)}</tbody></table></div></section>`;
  };

  const why = () => {
    const { body, refused, one } = opened.value;
    if (refused) return refusal(refused);
    if (!body) return loading();
    return html`${walk(body.explanation, { status: body.status })}
      <p class="row small"><a href="/why/${encodeURIComponent(one.request_id)}">A page of its own, to send to whom it concerns</a>
        ${body.others ? html`<span class="hint">The newest of ${number(body.others + 1)} with this id.</span>` : nothing}</p>
      ${commands({ path: `/admin/refusals/${encodeURIComponent(one.request_id)}`, boomgate: ['why', one.request_id] })}`;
  };

  const row = (one) => {
    const isOpen = opened.value?.one === one;
    const who = one.client_id ?? one.named_client_id;
    return html`<tr>
        <td>${when(one.at)}</td>
        <td>${statusOf(one.status)} ${reasonName(one.reason)}<span class="below">at the check of the ${checkName(one.check)}</span>
          <span class="narrow">${who ? outside(who) : ''} <code class="clip">${one.method} ${one.path}</code></span></td>
        <td>${who ? html`<a href="/console/clients/${encodeURIComponent(who)}">${outside(who)}</a>` : html`<span class="hint">unknown</span>`}
          ${one.client_id === null && who ? html`<span class="below">not proved</span>` : nothing}</td>
        <td><code class="clip" title="${one.method} ${one.path}">${one.method} ${one.path}</code></td>
        <td>${one.source ?? html`<span class="hint">–</span>`}</td>
        <td><button type="button" class="quiet small" aria-expanded=${isOpen} @click=${() => explain(one)}
          aria-label="Why was the request ${one.request_id} refused?">Why?</button></td>
      </tr>${isOpen ? html`<tr class="opened"><td colspan="6"><div class="stack" aria-live="polite">${why()}</div></td></tr>` : nothing}`;
  };

  const list = (all) => {
    const shown = all.slice(0, rows.value);
    return html`<section class="card stack tight" aria-labelledby="each"><h2 id="each">Each request</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Refused requests"><table class="data refusals">
        <caption class="visually-hidden">Refused requests, the newest first</caption>
        <thead><tr><th scope="col">When</th><th scope="col">Refused for</th><th scope="col">Client</th><th scope="col">Request</th><th scope="col">From</th>
          <th scope="col"><span class="visually-hidden">Why</span></th></tr></thead>
        <tbody>${shown.map(row)}</tbody></table></div>
      ${all.length > shown.length ? html`<button type="button" class="quiet older" @click=${() => { rows.value += ROWS; }}>Show ${number(Math.min(ROWS, all.length - shown.length))} more</button>` : nothing}
    </section>`;
  };

  /** What was chosen, each with a button that takes it back. */
  const chips = () => {
    const chosen = [[client, 'Client', outside(client.value)], [reason, 'Reason', reasonName(reason.value)], [route, 'Route', route.value]].filter(([{ value }]) => value);
    if (chosen.length === 0) return nothing;
    return html`<div class="toolbar chips">${chosen.map(([of, name, text]) => html`<span class="badge info">${name}: ${text}
        <button type="button" class="plain small" aria-label="Show every ${name.toLowerCase()}" @click=${() => choose(of, of.value)}>×</button></span>`)}
      <button type="button" class="plain" @click=${showAll}>Show all</button></div>`;
  };

  const body = () => {
    const { refusals, isComplete, refused, minute, read } = recent.value;
    // So that `3 minutes ago` stays true.
    minute.value;
    const all = refusals.value;
    if (!all) return refused.value ? refusal(refused.value, read) : loading();
    const ofReason = (one) => !reason.value || one.reason === reason.value;
    const ofRoute = (one) => !route.value || routeOf(one) === route.value;
    const found = all.filter((one) => ofReason(one) && ofRoute(one));
    if (all.length === 0) {
      return html`<div class="empty"><p>No request ${client.value ? html`of ${outside(client.value)} ` : ''}was refused, as far as the server remembers.</p>
        <p class="hint">It remembers the last ones in memory, since its start; the setting is <code>refusals.entries</code>.</p></div>`;
    }
    return html`${refusal(refused.value, read)}
      <p class="hint" role="status">${isComplete.value ? counted(found.length, 'request') : `${number(found.length)} requests, and more come`},
        the last ones that the server remembers.</p>
      <div class="halves">
        ${groups('By reason', 'Reason', all.filter(ofRoute), (one) => one.reason, reason, (key, some) => html`${statusOf(some[0].status)} ${reasonName(key)}`)}
        ${groups('By route', 'Route', all.filter(ofReason), routeOf, route, (key) => html`<code>${key}</code>`)}
      </div>
      ${list(found)}`;
  };

  const view = () => html`<div class="heading"><h1>Refusals</h1></div>
    <p class="hint">Requests that the gate refused, of every client and of nobody. For each there is what it was, and what would have passed.</p>
    ${chips()}
    ${body()}
    ${commands({ path: `/admin/refusals?${new URLSearchParams({ limit: 100, ...(client.value ? { client: client.value } : {}), ...(reason.value ? { reason: reason.value } : {}) })}` })}`;

  return { view, close: stopFollowing };
}
