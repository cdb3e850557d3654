// The facts of the picture as tables, for whoever reads rather than looks.

import { dataTable } from '../sandbox/pieces.js';
import { dayAndTime } from '../sandbox/times.js';
import { html } from '../ui.js';
import { keyAt, secretWorksAt, summary, tokenAt } from './truth.js';

const MOST_TOKENS = 5;
const MOST_REQUESTS = 50;

const time = (moment) => (moment === undefined ? 'no end' : dayAndTime(moment));

function lives({ tokens, secrets, keys, rotatesAt }, now) {
  return [
    ...tokens.slice(-MOST_TOKENS).map((token) => [`Token …${token.jti.slice(-6)}`, token.from, token.until, tokenAt(token, now)]),
    ...secrets.map((secret, index) => [`Secret ${index + 1}`, secret.from, secret.until, secretWorksAt(secret, now) ? 'works' : 'ended']),
    ...keys.map((key) => [`Key ${key.kid.slice(0, 8)}…`, key.from, key.until ?? key.signsUntil ?? rotatesAt, keyAt(key, now)]),
  ];
}

const levels = (facts, now) => [['Throttle', summary('throttle', facts, now).text], ['Quota of the day', summary('quota', facts, now).text]];

const life = ([what, from, until, state]) => html`<tr>
  <th scope="row">${what}</th><td>${time(from)}</td><td>${time(until)}</td><td>${state}</td></tr>`;

const level = ([what, text]) => html`<tr><th scope="row">${what}</th><td></td><td></td><td>${text}</td></tr>`;

/** The tables, at the moment `now`. `href(id)` is where a request leads. */
export function tables(facts, now, href) {
  const request = ({ at, id, sentence, second, day }) => html`<tr>
    <td>${dayAndTime(at)}</td>
    <td><a href=${href(id)}>${sentence}</a></td>
    <td class="num">${second?.after ?? '–'}</td>
    <td class="num">${day?.after ?? '–'}</td></tr>`;
  return html`
    ${dataTable({
      label: 'Lives',
      caption: 'What lives, in UTC',
      columns: [['What'], ['From'], ['Until'], ['Now']],
      rows: [...lives(facts, now).map(life), ...levels(facts, now).map(level)],
    })}
    ${dataTable({
      label: 'Requests of the picture',
      caption: 'The newest requests',
      columns: [['When'], ['Request'], ['Left at once', 'num'], ['Left today', 'num']],
      rows: facts.points.slice(-MOST_REQUESTS).reverse().map(request),
    })}`;
}
