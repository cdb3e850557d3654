// One request: why it was let through or refused, what was sent, and what was answered.

import { code, html, nothing } from '../../ui.js';
import { walk } from '../../walk.js';
import { at, number, outside } from '../parts.js';

/** A status, or that there was no answer. */
export function statusChip(status) {
  return status === null ? html`<span class="status s5">none</span>` : html`<span class="status s${Math.floor(status / 100)}">${status}</span>`;
}

/** The path and the query of a request. Whoever sent it chose both. */
export function target({ path, query }) {
  return html`${outside(path)}${query ? outside(`?${query}`) : nothing}`;
}

const fact = (title, value) => html`<div><dt>${title}</dt><dd>${value}</dd></div>`;

const requestLine = (line) => html`<p class="request-line">${statusChip(line.status)}
  <strong class="mono">${line.method} ${target(line)}</strong></p>`;

function pretty(body, fields) {
  const isJson = fields.some(({ name, value }) => name === 'content-type' && /json/.test(value));
  try {
    return isJson ? JSON.stringify(JSON.parse(body), null, 2) : body;
  } catch {
    return body;
  }
}

function message(title, { fields, has_more_fields: hasMoreFields, body, body_bytes: bytes, has_more_body: hasMoreBody, is_complete: isComplete }) {
  const hint = (isTrue, text) => (isTrue ? html`<p class="hint">${text}</p>` : nothing);
  const field = ({ name, value }) => html`<div><dt class="mono">${name}</dt><dd class="mono">${outside(value)}</dd></div>`;
  return html`<section class="message"><h3>${title}</h3>
    <dl class="facts">${fields.map(field)}</dl>
    ${hint(hasMoreFields, 'It had more fields than the journal remembers.')}
    ${body ? code(pretty(body, fields), `${title}: body`) : hint(true, 'No body.')}
    ${hint(hasMoreBody, `The start of ${number(bytes)} bytes.`)}
    ${hint(!isComplete, 'The body did not come to its end.')}
  </section>`;
}

function around(title, limit) {
  if (!limit) return nothing;
  const { limit: most, before, after } = limit;
  return fact(title, most === null ? 'unlimited' : `${number(before)} before, ${number(after)} after, of ${number(most)}`);
}

/** What a refusal says of itself. */
function detailOf(answer) {
  try {
    const said = JSON.parse(answer.body);
    return said.detail ?? said.error_description;
  } catch {
    return undefined;
  }
}

function why({ explanation, fault, status, answer }) {
  if (!explanation && !fault) return html`<p class="hint">No gate checks such a request.</p>`;
  const none = { checks: [], nearest: [], passed: false };
  return walk(explanation ?? none, { status: status ?? undefined, detail: answer ? detailOf(answer) : undefined, fault });
}

function connection({ connection: count, http, tls, source }) {
  const parts = [count === null ? 'unknown' : `number ${count}`, `HTTP/${http}`, tls, `from ${source ?? 'an unknown address'}`];
  return parts.filter(Boolean).join(', ');
}

const sameId = (others) => (others
  ? html`<br><span class="hint">${others} other request${others === 1 ? ' has' : 's have'} this id; this is the newest.</span>`
  : nothing);

/** A request of the journal, as `GET /sandbox/requests/{id}` answers it. */
export function requestDetail(shown) {
  const { request_id: id, client, fault, limits, others, request, answer } = shown;
  const page = html`<a href="/why/${encodeURIComponent(id)}" target="_blank" rel="noopener">its page, to send to somebody</a>`;
  return html`
    ${requestLine(shown)}
    ${why(shown)}
    <dl class="facts">
      ${fact('Client', client ? outside(client) : 'none was named')}
      ${fact('Came', html`${at(shown.at)}, by the sandbox's clock<br><span class="hint">${shown.real_at} by the real one</span>`)}
      ${fact('Took', `${shown.duration_ms} ms`)}
      ${fault ? fact('Fault', html`<a href="/console/faults">${fault.name}</a>: ${fault.kind}`) : nothing}
      ${around('Left at once', limits?.second)}
      ${around('Left of the day', limits?.day)}
      ${fact('Connection', connection(shown))}
      ${fact('Request id', html`<code>${outside(id)}</code> ${page}${sameId(others)}`)}
    </dl>
    ${message('Request', request)}
    ${answer ? message('Answer', answer) : html`<p class="hint">No answer was sent.</p>`}`;
}

/** A refusal, as `GET /admin/refusals/{id}` answers it. */
export function refusalDetail(shown) {
  const { request_id: id, status, client_id: client, named_client_id: named, reason, source, others, explanation } = shown;
  const whose = client ? outside(client) : named ? html`${outside(named)}, not proved` : 'none was named';
  return html`
    ${requestLine(shown)}
    ${walk(explanation, { status })}
    <dl class="facts">
      ${fact('Client', whose)}
      ${fact('Reason', reason)}
      ${fact('Came', html`${at(shown.at)}${source ? ` from ${source}` : nothing}`)}
      ${fact('Request id', html`<code>${outside(id)}</code>${sameId(others)}`)}
    </dl>`;
}
