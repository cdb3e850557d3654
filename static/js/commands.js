// The commands that do in a terminal what a button of a page does. They show how: no secret and no token is in them.

import { facts } from './facts.js';
import { code, html, nothing } from './ui.js';

const ADMINISTRATOR = 'TOKEN=$(boomgate token get --audience admin.api.boomgate)';
const CONTROL = 'TOKEN=$(cat data/sandbox-token)';
const MERGE_PATCH = 'application/merge-patch+json';

/** A word of a shell command, quoted where the shell would read it as something else. */
export function shellWord(text) {
  const word = String(text);
  return /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith('~') ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A `boomgate` command of these words. */
export function boomgateLine(words) {
  return ['boomgate', ...words.map(shellWord)].join(' ');
}

/** The `curl` command of a request. It reads the token from `$TOKEN`. */
export function curlLine({ method = 'GET', path, headers = {}, body }) {
  const parts = ['curl -sS --cacert data/tls/ca.pem'];
  const implied = body === undefined ? 'GET' : 'POST';
  if (method !== implied) parts.push(`-X ${method}`);
  parts.push('-H "Authorization: Bearer $TOKEN"');
  const fields = body === undefined ? headers : { 'Content-Type': method === 'PATCH' ? MERGE_PATCH : 'application/json', ...headers };
  for (const [name, value] of Object.entries(fields)) parts.push(`-H ${shellWord(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${shellWord(typeof body === 'string' ? body : JSON.stringify(body))}`);
  parts.push(shellWord(`${facts.issuer}${path}`));
  return parts.join(' \\\n  ');
}

/**
 * The `boomgate` command and the `curl` command that do the same as an action of the page, to copy.
 *
 * @param {object} action
 * @param {string} [action.method] of the request; GET by default
 * @param {string} action.path of the request, with its query
 * @param {object} [action.headers] beside `Authorization` and `Content-Type`
 * @param {object|string} [action.body] as JSON, or as text
 * @param {string[]} [action.boomgate] the words after `boomgate`; none if no command does it
 * @param {'administrator'|'control'} [action.token] whose token the request needs
 * @param {boolean} [action.open] whether the commands are shown from the start
 * @param {string} [action.title] where a view has more than one action
 */
export function commands({ boomgate, token = 'administrator', open = false, title = 'The same in a terminal', ...request }) {
  const assignment = token === 'control' ? CONTROL : ADMINISTRATOR;
  return html`<details class="commands" ?open=${open}>
    <summary>${title}</summary>
    ${boomgate ? code(boomgateLine(boomgate), 'boomgate command') : nothing}
    ${code(`${assignment}\n${curlLine(request)}`, 'curl command')}
  </details>`;
}
