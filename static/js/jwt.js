// What is in an access token, and how long it lives: the arithmetic, without its looks.

function decodedPart(part) {
  const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

/** The parts of a JWT: `{ header, claims, parts }`, or undefined if it is none. */
export function decoded(token) {
  const parts = token.split('.');
  try {
    return parts.length === 3 ? { header: decodedPart(parts[0]), claims: decodedPart(parts[1]), parts } : undefined;
  } catch {
    return undefined;
  }
}

/** A span of seconds in words. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const parts = hours > 0 ? [`${hours} h`, minutes && `${minutes} min`] : [minutes && `${minutes} min`, rest && `${rest} s`];
  return parts.filter(Boolean).join(' ') || '0 s';
}

/** A moment of the server, as it writes moments. */
export const moment = (seconds) => new Date(seconds * 1000).toISOString().replace('.000', '');

/** How much of its life a token has left, at a moment in seconds. */
export function life({ iat, exp }, now) {
  const [whole, left] = [exp - iat, exp - now];
  return { left, share: whole > 0 ? Math.min(1, Math.max(0, left / whole)) : 0, isOver: left <= 0 };
}
