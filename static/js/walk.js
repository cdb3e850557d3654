// The walk of a request as a row of gates: each is open, closed or was not reached, and the one that refused is lit.

import { gatesOf } from './gates.js';
import { html, nothing, svg } from './ui.js';

const WORDS = { passed: 'passed', failed: 'refused', not_reached: 'not reached' };

/** A check in words. */
export const checkName = (check) => check.replaceAll('_', ' ');

/** Text in which words between backticks are code. */
export function prose(text) {
  return text.split('`').map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

/** A boom gate; the style sheet raises its arm. */
export const boom = () => svg`<svg class="boom" viewBox="0 0 48 36" width="48" height="36" aria-hidden="true">
  <path class="road" d="M2 33h44" /><path class="post" d="M6 15h8v18H6z" />
  <g class="arm"><path class="bar" d="M10 17h33" /><path class="stripes" d="M17 17h26" /></g>
  <circle class="pivot" cx="10" cy="17" r="4" /></svg>`;

function row(gates) {
  const gate = ({ name, outcome }) => html`<li data-outcome=${outcome}>${boom()}<span class="gate">${name}</span>
    <span class="gate-outcome">${WORDS[outcome]}</span></li>`;
  return html`<ol class="gates" aria-label="The gates, in order">${gates.map(gate)}</ol>`;
}

function nearest(changes) {
  if (changes.length === 0) return html`<p>No single change would have let it through.</p>`;
  const words = changes.map(({ change }, index) => html`${index ? ', or ' : ''}<strong>${prose(change)}</strong>`);
  const next = changes[0].fails_next;
  return next
    ? html`<p class="nearest">It would have come further ${words}: to the check of ${checkName(next)}.</p>`
    : html`<p class="nearest">It would have passed ${words}.</p>`;
}

function verdict(explanation, gates, { status, detail }) {
  const closed = gates.find(({ outcome }) => outcome === 'failed');
  const failed = explanation.checks.find(({ outcome }) => outcome === 'failed');
  if (failed) {
    const check = closed.checks.length > 1 ? html`, by its check of the ${checkName(failed.check)}` : nothing;
    return html`<p><strong>Refused at the gate ${closed.name}</strong>${check}.</p>
      <dl class="facts"><dt>It expects</dt><dd>${prose(failed.expected)}</dd>
        <dt>It got</dt><dd>${prose(failed.got ?? '')}</dd></dl>
      ${nearest(explanation.nearest)}`;
  }
  if (closed) {
    return html`<p><strong>Every gate let it through, and the API itself refused it</strong>${detail ? html`: ${detail}` : '.'}</p>`;
  }
  return status >= 400
    ? html`<p>Every gate let it through.${detail ? html` ${detail}` : nothing}</p>`
    : html`<p><strong>Every gate let it through.</strong></p>`;
}

function allChecks(gates) {
  const marks = { passed: '✓', failed: '✗', not_reached: '·' };
  const line = (gate, { check, expected, got, outcome }, index) => html`<tr data-outcome=${outcome}>
    <th scope="row">${index === 0 ? gate.name : html`<span class="visually-hidden">${gate.name}</span>`}</th>
    <td><span aria-hidden="true">${marks[outcome]}</span> ${checkName(check)} <span class="visually-hidden">${WORDS[outcome]}</span></td>
    <td>${prose(expected)}</td><td>${got === null ? nothing : prose(got)}</td></tr>`;
  const count = gates.reduce((sum, { checks }) => sum + checks.length, 0);
  const lines = gates.flatMap((gate) => gate.checks.map((result, index) => line(gate, result, index)));
  return html`<details class="gate-checks"><summary>All ${count} checks</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="All checks"><table class="data">
    <thead><tr><th scope="col">Gate</th><th scope="col">Check</th><th scope="col">It expects</th><th scope="col">It got</th></tr></thead>
    <tbody>${lines}</tbody></table></div></details>`;
}

/** What a fault of a sandbox did to a request that no gate saw. */
function disturbed({ name }) {
  return name === 'prefer'
    ? html`<p><strong>The request asked for this answer itself</strong>, in its field <code>Prefer</code>, so no gate saw it.
        Only a sandbox does this.</p>`
    : html`<p><strong>The rule <code>${name}</code> answered in place of the gates.</strong>
        <a href="/console/faults">Remove it</a>, or send the request again.</p>`;
}

/**
 * The walk of a request: its gates, why it was refused, what would have passed, and every check.
 *
 * @param {{checks: object[], nearest: object[], passed: boolean}} explanation as the API gives it
 * @param {object} [answer] of the request
 * @param {number} [answer.status]
 * @param {boolean} [answer.isTokenRequest] for an explanation that names no checks
 * @param {string} [answer.detail] what a refusal says of itself
 * @param {{name: string}|null} [answer.fault] that disturbed the request, in a sandbox
 */
export function walk(explanation, answer = {}) {
  const { checks, passed } = explanation;
  if (checks.length === 0 && !passed) {
    const nothingChecked = html`<p>This kind of request takes no walk through the gates. ${answer.detail ?? nothing}</p>`;
    return html`<div class="walk">${answer.fault ? disturbed(answer.fault) : nothingChecked}</div>`;
  }
  const gates = gatesOf(explanation, answer);
  const fault = answer.fault ? html`<p>The rule <code>${answer.fault.name}</code> then disturbed the answer.</p>` : nothing;
  return html`<div class="walk">${row(gates)}
    <div class="verdict">${verdict(explanation, gates, answer)}${fault}</div>
    ${checks.length ? allChecks(gates) : nothing}</div>`;
}
