// The check of the whole audit log, in this page: each entry has a digest of itself and of the entry before. Whoever alters or
// removes one has to write all later ones anew, and then the last digest is another one than somebody noted before.

import { Unreachable } from '../../http.js';
import { admin } from '../../session.js';

const PAGE = 100;
const NONE = 'A'.repeat(43);
/** The members of an event, in the order in which they are digested. */
const EVENT = ['at', 'actor', 'action', 'subject', 'source', 'request_id', 'outcome'];

/** The digest of an entry: SHA-256 of the JSON text `[number, previous, event]`, in base64url. */
async function digestOf(entry) {
  const event = Object.fromEntries(EVENT.map((member) => [member, entry[member]]));
  if (entry.attempts !== undefined) event.attempts = entry.attempts;
  const text = new TextEncoder().encode(JSON.stringify([entry.number, entry.previous, event]));
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** What is wrong with an entry that should follow `last`; '' if it does. */
async function faultOf(entry, last) {
  if (entry.broken) return `Entry ${entry.number} cannot be read: ${entry.broken}.`;
  if (entry.number !== last.number + 1) return `Entry ${last.number + 1} is missing: entry ${entry.number} stands in its place.`;
  if (await digestOf(entry) !== entry.digest) return `Entry ${entry.number} was altered: its digest is of another entry.`;
  if (entry.previous !== last.digest) {
    return last.number === 0 ? 'Entry 1 was altered.' : `Entry ${last.number} was replaced: what follows it in the log followed another entry.`;
  }
  return '';
}

/** Reads an anchor, `NUMBER:DIGEST`; undefined if it is none. */
export function readAnchor(text) {
  const [, number, digest] = /^(\d{1,15}):([\w-]{43})$/.exec(text.trim()) ?? [];
  return digest && Number(number) > 0 ? { number: Number(number), digest } : undefined;
}

/** Asks for a page of the log, and waits as long as a full throttle says. */
async function pageAfter(after, signal) {
  const answer = await admin('GET', `/admin/audit?limit=${PAGE}&after=${after}`, { signal });
  if (answer.status !== 429) return answer;
  const wait = Number(answer.headers.find(([name]) => name === 'retry-after')?.[1] ?? 1);
  await new Promise((resolve) => { setTimeout(resolve, wait * 1000); });
  return pageAfter(after, signal);
}

/**
 * Verifies the log from its first entry on.
 *
 * @param {object} options
 * @param {{number: number, digest: string}} [options.anchor] an entry that must be unchanged
 * @param {(last: number, of: number) => void} options.progress
 * @param {AbortSignal} options.signal
 * @returns {Promise<{head?: {number: number, digest: string}, fault?: string, refused?: object}>}
 */
export async function verifyLog({ anchor, progress, signal }) {
  let last = { number: 0, digest: NONE };
  for (;;) {
    let answer;
    try {
      answer = await pageAfter(last.number, signal);
    } catch (error) {
      if (error instanceof Unreachable) return { fault: 'The server does not answer: try again once it does.' };
      throw error;
    }
    if (answer.status !== 200) return { refused: answer };
    const { data, head } = answer.body;
    for (const entry of data) {
      const fault = await faultOf(entry, last);
      if (fault) return { fault };
      last = { number: entry.number, digest: entry.digest };
      if (anchor?.number === last.number && anchor.digest !== last.digest) {
        return { fault: `Entry ${last.number} is not the one that the anchor names: the log was replaced.` };
      }
    }
    progress(last.number, head.number);
    if (data.length > 0 && last.number < head.number) continue;
    if (last.number < head.number) return { fault: `Entry ${last.number + 1} is missing: the log ends before it.` };
    if (last.number === head.number && last.digest !== head.digest) {
      return { fault: `Entry ${head.number} was replaced: the head of the log names another.` };
    }
    if (anchor && anchor.number > last.number) {
      return { fault: `The log ends with entry ${last.number}, before the one that the anchor names: entries were removed.` };
    }
    return { head: last };
  }
}
