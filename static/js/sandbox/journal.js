// The journal of the sandbox, live. Whoever shows it shares one stream and one list, which has a bound.

import { isReachable } from '../http.js';
import { control, controlToken } from '../session.js';
import { effect, signal } from '../ui.js';
import { readEvents } from './events.js';

const PAGE = 100;
/** The most requests that the page remembers. */
const MOST = 1_000;
/** How often the list changes at most: a busy client must not keep the page from drawing. */
const FLUSH_INTERVAL_MS = 200;
const RETRY_MS = 1_000;

/** The newest requests, the newest first. */
export const entries = signal([]);
/** `loading`, `live`, or `waiting` for a server that does not answer. */
export const journalState = signal('loading');
/** How many requests had to make room before this page got them. */
export const missed = signal(0);
/** Whether the journal has requests that are older than those of the list. */
export const hasOlder = signal(false);

let last = 0;
let cursor = null;
let queued = [];
let flushing;

function flush() {
  flushing = undefined;
  const newest = queued.reverse();
  queued = [];
  if (newest.length > 0) entries.value = newest.concat(entries.peek()).slice(0, MOST);
}

function take({ event, data }) {
  if (event === 'missed') {
    missed.value += data.missed;
    if (data.has_restarted) {
      last = 0;
      entries.value = [];
    }
    return;
  }
  last = data.number;
  queued.push(data);
  if (queued.length > MOST) queued = queued.slice(-MOST);
  flushing ??= setTimeout(flush, FLUSH_INTERVAL_MS);
}

async function load() {
  const answer = await control('GET', `/sandbox/requests?limit=${PAGE}`);
  if (answer.status !== 200) return false;
  ({ last, next_cursor: cursor } = answer.body);
  queued = [];
  entries.value = answer.body.data;
  hasOlder.value = cursor !== null;
  return true;
}

/** Adds the page of the journal that is before the list. */
export async function loadOlder() {
  const answer = await control('GET', `/sandbox/requests?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`).catch(() => undefined);
  if (answer?.status !== 200) return;
  cursor = answer.body.next_cursor;
  entries.value = entries.peek().concat(answer.body.data).slice(0, MOST);
  hasOlder.value = cursor !== null && entries.peek().length < MOST;
}

const pause = (milliseconds) => new Promise((resume) => { setTimeout(resume, milliseconds); });

async function follow(token, stop) {
  let isLoaded = false;
  while (!stop.aborted) {
    try {
      isLoaded ||= await load();
      const begun = () => { journalState.value = 'live'; };
      const status = isLoaded ? await readEvents(`/sandbox/requests?since=${last}`, { token, stop, begun, take }) : 0;
      if (status === 401) controlToken.value = null;
    } catch {
      // The stream broke off. The next round says whether the server answers.
    }
    if (stop.aborted) return;
    journalState.value = 'waiting';
    await control('GET', '/sandbox/clock').catch(() => {});
    do await pause(RETRY_MS); while (!isReachable.peek() && !stop.aborted);
  }
}

let watchers = 0;
let stopFollowing;

/** Follows the journal until the returned function is called. */
export function watchJournal() {
  watchers += 1;
  stopFollowing ??= effect(() => {
    const token = controlToken.value;
    if (!token) return undefined;
    const stopper = new AbortController();
    journalState.value = 'loading';
    follow(token, stopper.signal);
    return () => stopper.abort();
  });
  return () => {
    watchers -= 1;
    if (watchers > 0) return;
    stopFollowing();
    stopFollowing = undefined;
  };
}

/** Reads the list anew, after the journal was emptied or went back. */
export async function reloadJournal() {
  missed.value = 0;
  await load();
}

/** Forgets every request. */
export async function clearJournal() {
  const answer = await control('DELETE', '/sandbox/requests');
  if (answer.status === 204) await reloadJournal();
  return answer;
}
