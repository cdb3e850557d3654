// The gates of a walk, computed from the checks of an explanation.

/** The gates that a request with a token passes, in order, and the checks that each makes. The API behind them makes none. */
const OF_REQUESTS = [
  ['Token', ['bearer_token', 'signature', 'expiry', 'audience', 'not_before']],
  ['Client', ['revocation', 'client', 'client_tokens', 'granted_audience', 'status']],
  ['Throttle', ['throttle']],
  ['Quota', ['quota']],
  ['Scope', ['scope']],
  ['API', []],
];
/** The gates that a token request passes. */
const OF_TOKEN_REQUESTS = [
  ['Secret', ['credentials', 'secret']],
  ['Client', ['status']],
  ['Throttle', ['throttle']],
  ['Audience', ['parameters', 'audience']],
  ['Scope', ['scope']],
  ['Signature', ['signing']],
];

/**
 * The gates of an explanation: `{ name, outcome, checks }` each. A check that no gate names belongs to the gate of the check
 * before it.
 */
export function gatesOf({ checks, passed }, { status, isTokenRequest = false } = {}) {
  const isOfTokens = checks.length ? checks.some(({ check }) => check === 'credentials') : isTokenRequest;
  const gates = (isOfTokens ? OF_TOKEN_REQUESTS : OF_REQUESTS).map(([name, names]) => ({ name, names, checks: [] }));
  let gate = gates[0];
  for (const result of checks) {
    gate = gates.find(({ names }) => names.includes(result.check)) ?? gate;
    gate.checks.push(result);
  }
  const outcomeOf = (results) => results.find(({ outcome }) => outcome !== 'passed')?.outcome;
  const otherwise = passed ? 'passed' : 'not_reached';
  const ofApi = passed && status >= 400 ? 'failed' : otherwise;
  return gates.map(({ name, names, checks: own }) => {
    const ofChecks = outcomeOf(own) ?? (own.length ? 'passed' : otherwise);
    return { name, checks: own, outcome: names.length ? ofChecks : ofApi };
  });
}
