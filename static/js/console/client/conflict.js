// Two operators changed one client at once: what it was, what the other one made of it, and what this one wants.

import { html } from '../../ui.js';
import { at } from '../parts.js';
import { LABELS, isSame, shown } from './members.js';

/** The members that can be changed, in the order of the form. */
const MEMBERS = Object.keys(LABELS);

/**
 * Both versions, side by side.
 *
 * @param {object} versions
 * @param {object} versions.began the client as it was when the form was opened
 * @param {object} versions.now the client as it is
 * @param {object} versions.mine the members that the form changes
 */
export function conflict({ began, now, mine, keepMine, takeTheirs }) {
  const rows = MEMBERS.filter((member) => member in mine || !isSame(member, began[member], now[member]));
  const clash = rows.filter((member) => member in mine && !isSame(member, began[member], now[member]) && !isSame(member, mine[member], now[member]));
  return html`<section class="stack" aria-labelledby="conflict">
    <div class="banner warn" role="alert">
      <h2 id="conflict" tabindex="-1">Changed meanwhile</h2>
      <p>Somebody else changed this client at ${at(now.updated_at)}, after you had opened it. Nothing of yours is saved yet.
        ${clash.length === 0 ? 'You changed different things, so both can stay.' : 'You changed the same thing, so one of the two is lost.'}</p>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Both versions">
      <table class="data versions">
        <thead><tr><th scope="col">Member</th><th scope="col">When you began</th><th scope="col">Now (theirs)</th><th scope="col">Yours</th></tr></thead>
        <tbody>${rows.map((member) => html`<tr>
          <th scope="row">${LABELS[member]}</th>
          <td><bdi>${shown(member, began[member])}</bdi></td>
          <td class=${isSame(member, began[member], now[member]) ? '' : 'differs'}><bdi>${shown(member, now[member])}</bdi></td>
          <td class=${member in mine ? 'differs' : ''}><bdi>${member in mine ? shown(member, mine[member]) : '(not changed)'}</bdi></td>
        </tr>`)}</tbody>
      </table>
    </div>
    <div class="row actions">
      <button type="button" @click=${keepMine}>Keep mine</button>
      <button type="button" class="quiet" @click=${takeTheirs}>Take theirs</button>
    </div>
    <p class="hint"><strong>Keep mine</strong> saves what you changed on top of theirs; what only they changed stays.
      <strong>Take theirs</strong> drops what you changed.</p>
  </section>`;
}
