// The members of a client that an operator sets: what each is, how a form shows it, and how it goes into a request. The
// server is the judge of what is valid: a form sends what was typed, and shows at its field what the server says.

import { counted, number, span } from '../parts.js';

/** What a token may do that has a scope token. The server may offer others. */
export const SCOPES = {
  'read:zones': 'Read zones.',
  'write:zones': 'Create, change and delete zones.',
  introspect: 'Ask whether the tokens of other clients are active.',
  'read:admin': 'See clients, keys, refusals and the audit log, as an administrator.',
  'write:admin': 'Register and change clients and keys, as an administrator.',
};

/** What is left blank: the server uses its default, or says that it is missing. */
export const BLANK = '';

/** The text of a number, as a number if it is one. Any other text is for the server to refuse. */
function numeric(text) {
  const trimmed = text.trim();
  return trimmed !== BLANK && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/** What a form shows for a client, or for the defaults of the server. Numbers are text, so nothing that is typed is lost. */
export function draftOf(source) {
  return {
    client_name: source.client_name ?? '',
    scope: source.scope ? source.scope.split(' ') : [],
    audience: source.audience ?? [],
    token_ttl: String(source.token_ttl),
    requests_per_second: String(source.requests_per_second),
    burst: String(source.burst),
    daily_quota: source.daily_quota === null ? BLANK : String(source.daily_quota),
    isUnlimited: source.daily_quota === null,
    enforce: source.enforce,
    report_required: source.report_required ?? false,
    declared: source.declared ?? false,
    client_id: BLANK,
    client_secret: BLANK,
  };
}

/** The members of a request, as the form has them. */
export function membersOf(draft) {
  return {
    client_name: draft.client_name,
    scope: draft.scope.join(' '),
    audience: draft.audience,
    token_ttl: numeric(draft.token_ttl),
    requests_per_second: numeric(draft.requests_per_second),
    burst: numeric(draft.burst),
    daily_quota: draft.isUnlimited ? null : numeric(draft.daily_quota),
    enforce: draft.enforce,
    report_required: draft.report_required,
    declared: draft.declared,
  };
}

/** A value in a form that is the same for values that mean the same: a scope has no order. */
function canonical(member, value) {
  if (member === 'scope') return value.split(' ').filter(Boolean).sort().join(' ');
  return member === 'audience' ? [...value].sort().join(' ') : value;
}

/** Whether two values of a member mean the same. */
export function isSame(member, one, other) {
  return canonical(member, one) === canonical(member, other);
}

/** The members of `draft` that are not what `client` has. */
export function changesOf(client, draft) {
  const entries = Object.entries(membersOf(draft)).filter(([member, value]) => !isSame(member, value, client[member]));
  return Object.fromEntries(entries);
}

/** The words of the `boomgate` command that sets members. */
export function optionsOf(members) {
  return Object.entries(members).flatMap(([member, value]) => {
    if (member === 'audience') return value.flatMap((audience) => ['--audience', audience]);
    if (member === 'client_name') return ['--name', value];
    return [`--${member.replaceAll('_', '-')}`, value === null ? 'unlimited' : String(value)];
  });
}

/** What people call a member. */
export const LABELS = {
  client_name: 'Name',
  scope: 'Scope',
  audience: 'Audience',
  token_ttl: 'Lifetime of its tokens',
  requests_per_second: 'Requests per second',
  burst: 'Burst',
  daily_quota: 'Requests per day',
  enforce: 'Over a limit',
  report_required: 'Report of an exam',
  declared: 'Declared in a file',
  status: 'Status',
};

/** The value of a member, to read. */
export function shown(member, value) {
  if (typeof value === 'number') {
    if (member === 'token_ttl') return span(value);
    return member === 'burst' ? `${number(value)} at once` : number(value);
  }
  switch (member) {
    case 'daily_quota': return value === null ? 'unlimited' : value || 'nothing';
    case 'enforce': return value ? 'refused' : 'counted only';
    case 'report_required': return value ? 'required' : 'not required';
    case 'declared': return value ? 'yes' : 'no';
    case 'audience': return value.length ? value.join(', ') : 'nothing';
    default: return value || 'nothing';
  }
}

/** How a throttle lets requests through, in words. */
export function pace(rate, burst) {
  const evenly = rate >= 1 ? `${counted(rate, 'request')} per second` : `one request in ${counted(Math.round(100 / rate) / 100, 'second')}`;
  return `${evenly}, and after a pause ${number(burst)} at once`;
}
