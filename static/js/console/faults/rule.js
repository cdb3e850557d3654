// A rule for faults as the fields of the form say it: as JSON, and as the command that adds it.

import { effectOf } from './effects.js';

/** The fields of text: `[name, label, placeholder, option of the command]`. */
export const FIELDS = [
  ['client', 'Client', 'every client', '--client'],
  ['method', 'Method', 'every method', '--method'],
  ['path', 'Path', '/parking/zones/*', '--path'],
  ['requests', 'Only requests', '3, 3..5 or 3..', '--requests'],
  ['times', 'Ends after', 'so many times', '--times'],
  ['for', 'Ends after a span', '10m', '--for'],
  ['probability', 'Probability', '1', '--probability'],
  ['seed', 'Seed', 'any number', '--seed'],
  ['name', 'Name', 'fault-1', '--name'],
];
const NUMBERS = ['times', 'probability', 'seed'];
const OF_MATCH = ['client', 'phase', 'method', 'path', 'requests'];

/** A form that nobody has written into. */
export const BLANK = { word: 'unavailable', setting: '', phase: '', ...Object.fromEntries(FIELDS.map(([name]) => [name, ''])) };

const numeric = (text) => (text !== '' && Number.isFinite(Number(text)) ? Number(text) : text);

/** The rule that the fields say, as JSON. */
export function ruleOf(fields) {
  const filled = (name) => fields[name].trim() !== '';
  const value = (name) => (NUMBERS.includes(name) ? numeric(fields[name].trim()) : fields[name].trim());
  const pick = (names) => Object.fromEntries(names.filter(filled).map((name) => [name, value(name)]));
  const match = pick(OF_MATCH);
  const { make, setting } = effectOf(fields.word);
  return {
    ...pick(['name']),
    ...(Object.keys(match).length ? { match } : {}),
    ...pick(['probability', 'seed', 'times', 'for']),
    effect: make(fields.setting.trim() || setting?.[1]),
  };
}

/** The words of the command that adds the rule, after `boomgate`. */
export function wordsOf(fields) {
  const { setting } = effectOf(fields.word);
  const flags = [...FIELDS.map(([name, , , flag]) => [flag, fields[name]]), ['--phase', fields.phase], [setting?.[0], fields.setting]];
  const filled = flags.filter(([flag, value]) => flag && value.trim());
  return ['fault', 'add', fields.word, ...filled.flatMap(([flag, value]) => [flag, value.trim()])];
}
