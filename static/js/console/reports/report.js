// A report: the verdict, the figures, what would hurt, each check, and what the client used.

import { choiceButton } from '../../sandbox/pieces.js';
import { html, nothing } from '../../ui.js';
import { prose } from '../../walk.js';

const TONES = { ready: 'ok', 'not ready': 'bad', undecided: 'info' };
const MARKS = { pass: ['ok', 'passed'], fail: ['bad', 'failed'], 'not exercised': ['', 'not exercised'] };
const GROUPS = {
  token: 'Tokens',
  limits: 'Limits',
  refusals: 'Refusals',
  faults: 'Faults',
  variations: 'Variations',
  hygiene: 'Hygiene',
  own: 'Own checks',
};
const MOST_EVIDENCE = 10;

const fact = (title, value) => html`<div><dt>${title}</dt><dd>${value}</dd></div>`;

function evidence(all) {
  const link = (id) => html`<a href="/console/requests/${encodeURIComponent(id)}">${id}</a>`;
  const item = ({ request_id: id, note }) => html`<li>${note} ${id ? link(id) : nothing}</li>`;
  return all.length ? fact('It shows in', html`<ul>${all.slice(0, MOST_EVIDENCE).map(item)}</ul>`) : nothing;
}

function check({ id, title, level, verdict, waived, expected, got, evidence: shown, remedy, rfc }) {
  const [tone, word] = waived ? ['warn', 'failed, waived'] : MARKS[verdict];
  return html`<li><details>
    <summary><span class="badge ${tone}">${word}</span> ${prose(title)}
      ${level === 'required' ? nothing : html`<span class="hint">${level}</span>`}</summary>
    <dl class="facts">
      ${fact('Expected', prose(expected))}
      ${fact('Got', prose(got))}
      ${evidence(shown)}
      ${verdict === 'pass' ? nothing : fact('To do', prose(remedy))}
      ${fact('Rests on', rfc)}
      ${fact('Check', html`<code>${id}</code>`)}
    </dl></details></li>`;
}

function checks(all, verdict) {
  const made = all.filter(({ level }) => level !== 'off');
  const of = (wanted) => made.filter((one) => wanted === '' || one.verdict === wanted);
  const choice = (wanted, text) => choiceButton(`${text} ${of(wanted).length}`, verdict.value === wanted, () => { verdict.value = wanted; });
  const shown = of(verdict.value);
  const group = (name) => html`<section class="stack tight"><h3>${GROUPS[name] ?? name}</h3>
    <ul class="checks" role="list">${shown.filter((one) => one.group === name).map(check)}</ul></section>`;
  return html`<div class="toolbar"><h2>Checks</h2>
      <span class="row" role="group" aria-label="Which checks">
        ${choice('', 'All')} ${choice('fail', 'Failed')} ${choice('pass', 'Passed')} ${choice('not exercised', 'Not exercised')}</span></div>
    ${shown.length ? [...new Set(shown.map(({ group }) => group))].map(group) : html`<p class="empty">No check is like that.</p>`}`;
}

function hurts(title, all) {
  if (all.length === 0) return nothing;
  return html`<section class="stack tight"><h2>${title}</h2><ul>${all.map((text) => html`<li>${prose(text)}</li>`)}</ul></section>`;
}

const coverage = ({ operations, unused_operations: uncalled, unused_scopes: unused }) => html`<section class="stack tight">
  <h2>Coverage</h2>
  <dl class="facts">
    ${fact('Operations that it called', operations.join(', ') || 'none')}
    ${fact('Operations that it never called', uncalled.join(', ') || 'none')}
    ${fact('Scope that no request needed', unused.join(' ') || 'none')}
  </dl></section>`;

/** The report, as the sandbox answers it in JSON. `verdict` is a signal: the checks that are shown. */
export function report({ verdict: found, summary, counts, hurts_api: api, hurts_partner: partner, coverage: used, checks: all }, { verdict, downloads }) {
  const { required, advised } = counts;
  return html`
    <section class="card stack" aria-label="Verdict">
      <p class="readiness"><span class="badge ${TONES[found]}">${found}</span> ${summary}</p>
      <dl class="figures">
        ${fact('Required, passed', required.passed)}
        ${fact('Required, failed', required.failed)}
        ${fact('Advised, passed', advised.passed)}
        ${fact('Not exercised', required.not_exercised + advised.not_exercised)}
      </dl>
      ${downloads}
    </section>
    ${hurts('What would hurt who runs the API', api)}
    ${hurts('What would hurt the partner', partner)}
    ${checks(all, verdict)}
    ${coverage(used)}`;
}
