// How the server is: version, uptime, readiness, store, certificate, and what doctor finds of its installation.

import { commands } from '../commands.js';
import { html, nothing } from '../ui.js';
import { absolute, at, counted, loading, number, outside, refusal, relative, span } from './parts.js';
import { resource } from './resource.js';

const PATH = '/admin/health';
const EVERY_MS = 10_000;
const DAY_MS = 86_400_000;
/** A certificate that the operator renews deserves attention in its last days. */
const ATTENTION_MS = 14 * DAY_MS;
const OUTCOMES = { fail: ['bad', 'fails'], warn: ['warn', 'attention'], ok: ['ok', 'ok'] };
const ORDER = Object.keys(OUTCOMES);

const CHECKS = {
  store: ['The store answers', 'It does not answer: changes get 503. Look at the disk, and at the log.'],
  'signing-key': ['A key signs', 'No key signs: no client gets a token.'],
  certificate: ['The certificate is valid', 'It has expired: no client connects.'],
  'not-stopping': ['The server is not stopping', 'It is stopping, and takes no new work.'],
};

/** Everything in one sentence. */
function verdict({ readiness, findings }) {
  const failed = readiness.filter(({ passes }) => !passes).length;
  const count = (outcome) => findings.filter((finding) => finding.outcome === outcome).length;
  const [fails, warns] = [count('fail'), count('warn')];
  if (failed > 0) return html`<p class="banner bad" role="status"><strong>The server is not ready.</strong> ${counted(failed, 'check')} of readiness failed.</p>`;
  if (fails > 0) return html`<p class="banner bad" role="status"><strong>The server serves, and ${counted(fails, 'finding')} must be mended.</strong></p>`;
  if (warns > 0) return html`<p class="banner warn" role="status"><strong>The server serves.</strong> ${counted(warns, 'finding')} ${warns === 1 ? 'deserves' : 'deserve'} attention.</p>`;
  return html`<p class="banner ok" role="status"><strong>Everything is fine.</strong></p>`;
}

const readiness = ({ readiness: checks }) => html`<section class="card stack tight" aria-labelledby="ready">
  <h2 id="ready">Ready</h2>
  <ul class="checks" role="list">${checks.map(({ check, passes }) => {
    const [right, wrong] = CHECKS[check] ?? [check, `${check} failed.`];
    return html`<li><span class="badge ${passes ? 'ok' : 'bad'}">${passes ? 'yes' : 'no'}</span> ${passes ? right : wrong}</li>`;
  })}</ul>
  <p class="hint">What <a href="/readyz?verbose">/readyz</a> says to a load balancer.</p>
</section>`;

const server = ({ version, edition, issuer, uptime_s: uptime, started_at: started, clients, store }) => html`<section class="card stack tight" aria-labelledby="server">
  <h2 id="server">Server</h2>
  <dl class="facts">
    <dt>Version</dt><dd>${version}, <code>boomgate ${edition}</code></dd>
    <dt>Address</dt><dd>${outside(issuer)}</dd>
    <dt>Up</dt><dd>${span(uptime)}, since ${at(started)}</dd>
    <dt>Clients</dt><dd><a href="/console/clients">${number(clients)}</a></dd>
    <dt>Store</dt><dd>${store.read_ms === null
      ? html`<span class="badge bad">does not answer</span>`
      : html`answered in ${number(store.read_ms)} ms`}, ${store.is_lasting ? 'on disk' : 'in memory: everything is lost at the stop'}</dd>
  </dl>
</section>`;

function certificate({ certificate: { names, not_after: end, renews_itself: renewsItself }, now }) {
  const left = Date.parse(end) - Date.parse(now);
  const [kind, words] = left <= 0 ? ['bad', 'expired'] : left < ATTENTION_MS && !renewsItself ? ['warn', 'renew it'] : ['ok', 'valid'];
  return html`<section class="card stack tight" aria-labelledby="certificate">
    <h2 id="certificate">Certificate</h2>
    <dl class="facts">
      <dt>State</dt><dd><span class="badge ${kind}">${words}</span></dd>
      <dt>Ends</dt><dd><time datetime=${end} title=${absolute(end)}>${relativeTo(end, now)}</time>, on ${absolute(end)}</dd>
      <dt>For</dt><dd>${names.map((name, index) => html`${index ? ', ' : ''}<code>${name}</code>`)}</dd>
      <dt>Renewal</dt><dd>${renewsItself
        ? html`by itself, with the authority of this server: <a href="/guide/self-hosting">every client trusts it</a>`
        : 'yours: the server reads the new files by itself'}</dd>
    </dl>
  </section>`;
}

/** Certificates go by the time of the machine, also where a sandbox has moved its clock. */
function relativeTo(time, now) {
  const days = Math.round((Date.parse(time) - Date.parse(now)) / DAY_MS);
  return Math.abs(days) > 1 ? (days > 0 ? `in ${counted(days, 'day')}` : `${counted(-days, 'day')} ago`) : relative(time);
}

function findings({ findings: found }) {
  const sorted = [...found].sort((one, other) => ORDER.indexOf(one.outcome) - ORDER.indexOf(other.outcome));
  return html`<section class="card stack tight" aria-labelledby="findings">
    <h2 id="findings">What doctor finds</h2>
    <p class="hint">As far as a running server can tell. In a terminal on the machine, doctor also looks at ports, at users and at how a client sees the server.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the findings"><table class="data findings">
      <caption class="visually-hidden">Findings, the worst first</caption>
      <thead><tr><th scope="col">Check</th><th scope="col">Outcome</th><th scope="col">What was found, and what to do</th></tr></thead>
      <tbody>${sorted.map(({ check, outcome, detail, mend }) => {
        const [kind, words] = OUTCOMES[outcome] ?? ['', outcome];
        return html`<tr><th scope="row">${check}</th><td><span class="badge ${kind}">${words}</span></td><td>${detail}${mend ? html`<span class="mend"><strong>To do:</strong> ${mend}</span>` : nothing}</td></tr>`;
      })}</tbody></table></div>
    ${commands({ path: PATH, boomgate: ['doctor'] })}
  </section>`;
}

/** Opens `/console/health`. */
export function open() {
  const health = resource(PATH, { every: EVERY_MS });

  const view = () => {
    const { body, refused } = health.state.value;
    return html`<div class="heading"><h1>Health</h1>
        <button type="button" class="quiet actions" @click=${health.read}>Check again</button></div>
      ${refusal(refused, health.read)}
      ${!body && !refused ? loading() : nothing}
      ${body ? html`${verdict(body)}
        <div class="halves thirds">${server(body)}${certificate(body)}${readiness(body)}</div>
        ${findings(body)}
        <p class="hint">For graphs and alarms, Prometheus reads <a href="/guide/observability">the metrics</a>.</p>` : nothing}`;
  };

  return { view, close: health.close };
}
