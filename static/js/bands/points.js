// What the bands take from the requests of the journal: when each came, what it cost, which token it had or got.

import { dayAndTime } from '../sandbox/times.js';

/** The parts of a second by which two clocks differ make requests of one second seem out of order; more is a clock that went back. */
const OUT_OF_ORDER_MS = 2_000;
const JTI = /\[jti:([^\]]+)\]/;

/** A request of the journal, as the bands need it, after the request `before`. */
export function point(request, before) {
  // The journal has the second by the sandbox's clock, and the millisecond of the machine's. Together they say where in the
  // second it was, but for the part of a second by which the clocks differ.
  const moment = Date.parse(request.at) + (Date.parse(request.real_at) % 1_000);
  const wentBack = before !== undefined && moment < before.at - OUT_OF_ORDER_MS;
  const authorization = request.request.fields.find(({ name }) => name === 'authorization')?.value ?? '';
  const at = wentBack ? moment : Math.max(moment, before?.at ?? 0);
  const one = {
    number: request.number,
    id: request.request_id,
    at,
    wentBack,
    method: request.method,
    path: request.path,
    status: request.status,
    reason: request.reason,
    fault: request.fault?.name,
    jti: JTI.exec(authorization)?.[1],
    issued: issued(request),
    second: request.limits?.second?.limit == null ? undefined : request.limits.second,
    day: request.limits?.day?.limit == null ? undefined : request.limits.day,
  };
  // Made once: the picture is drawn many times a second.
  return { ...one, kind: kind(one), sentence: sentence(one), label: `${sentence(one)}, ${dayAndTime(at)}` };
}

/** The token that the answer has, if it has one. */
function issued({ status, method, path, answer }) {
  if (status !== 200 || method !== 'POST' || !/token/.test(path)) return undefined;
  const jti = JTI.exec(answer?.body ?? '')?.[1];
  const lives = /"expires_in":\s*(\d+)/.exec(answer?.body ?? '')?.[1];
  return jti && lives ? { jti, lives: Number(lives) * 1_000 } : undefined;
}

/** The form of a request in the picture, for those who cannot tell its colour. */
function kind({ status }) {
  if (status === null) return 'lost';
  if (status >= 500) return 'failed';
  if (status === 429) return 'limited';
  return status >= 400 ? 'refused' : 'passed';
}

/** A request in a sentence. */
function sentence({ method, path, status, reason, fault }) {
  const came = status === null ? 'no answer' : reason ? `${status} ${reason}` : String(status);
  return `${method} ${path}: ${came}${fault ? `, by the fault ${fault}` : ''}`;
}
