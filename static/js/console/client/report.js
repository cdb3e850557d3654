// The report of an exam that a client has shown, and what hangs on it.

import { facts } from '../../facts.js';
import { mayWrite } from '../../session.js';
import { html, nothing } from '../../ui.js';
import { at, away } from '../parts.js';
import { withdrawReport } from './actions.js';

/** `changed` is called after the report was withdrawn. */
export function reportOf(client, changed) {
  const { client_id: id, report, report_required: isRequired } = client;
  const withdraw = async () => {
    if (await withdrawReport(client)) changed();
  };
  return html`<section class="card stack tight" aria-labelledby="report">
    <div class="toolbar"><h2 id="report">Exam report</h2>
      ${report && mayWrite.value ? html`<button type="button" class="quiet danger" @click=${withdraw}>Withdraw</button>` : nothing}</div>
    ${report ? presented(report) : html`<p>${isRequired
      ? html`<span class="badge warn">missing</span> A report is required of it. Until it shows one that is valid, its limits are lower.`
      : html`<span class="hint">It has shown none, and none is required.</span>`}</p>`}
    <p class="hint">An exam puts a client through what happens in a year, and judges what it does. ${away('/guide/exam', 'How an exam is done')}${
      facts.isSandbox ? html` · <a href="/console/reports/${encodeURIComponent(id)}">What this sandbox saw of it so far</a>` : nothing}</p>
  </section>`;
}

function presented(report) {
  return html`<dl class="facts">
    <div><dt>Profile</dt><dd><bdi>${report.profile.name}</bdi></dd></div>
    <div><dt>Examined</dt><dd>${at(report.exam_at)}${report.commit ? html`, commit <code>${report.commit}</code>` : nothing}</dd></div>
    <div><dt>Signed</dt><dd>${at(report.issued_at)} by <bdi>${report.issuer}</bdi></dd></div>
    <div><dt>Shown here</dt><dd>${at(report.presented_at)}</dd></div>
    <div><dt>Valid until</dt><dd>${at(report.expires_at)}</dd></div>
    <div><dt>SHA-256 of report.json</dt><dd><code>${report.report_sha256}</code></dd></div>
  </dl>`;
}
