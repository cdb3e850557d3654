// A new rule for faults: a form for what is common, and JSON for all that there is.

import { commands } from '../../commands.js';
import { html, nothing, signal } from '../../ui.js';
import { choiceButton } from '../../sandbox/pieces.js';
import { EFFECTS, effectOf } from './effects.js';
import { BLANK, FIELDS, ruleOf, wordsOf } from './rule.js';

/** The fields that are seen at once. */
const isCommon = ([name]) => ['client', 'method', 'path', 'times'].includes(name);
const PHASES = [['', 'all'], ['token', 'for tokens'], ['resource', 'for resources']];

/**
 * @param {{ add: (rule: object) => Promise<object|undefined>, isBusy: { value: boolean } }} arguments `add` sends the rule
 */
export function ruleForm({ add, isBusy }) {
  const fields = signal(BLANK);
  const json = signal('');
  const isJson = signal(false);
  const failure = signal('');

  const set = (name) => ({ target }) => { fields.value = { ...fields.value, [name]: target.value }; };

  function choose(wantsJson) {
    if (wantsJson && !isJson.peek()) json.value = JSON.stringify(ruleOf(fields.peek()), null, 2);
    isJson.value = wantsJson;
    failure.value = '';
  }

  async function submit(event) {
    event.preventDefault();
    failure.value = '';
    let rule = ruleOf(fields.peek());
    if (isJson.peek()) {
      try {
        rule = JSON.parse(json.peek());
      } catch (error) {
        failure.value = `This is no JSON: ${error.message}.`;
        return;
      }
    }
    const added = await add(rule);
    if (added && !isJson.peek()) fields.value = { ...fields.peek(), name: '' };
  }

  const option = (value, text, chosen) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`;

  function effects() {
    const { word: chosen } = fields.value;
    const choose = ({ target }) => { fields.value = { ...fields.peek(), word: target.value, setting: '' }; };
    const group = ([title, own]) => html`<optgroup label=${title}>${own.map(({ word, text }) => option(word, text, chosen))}</optgroup>`;
    return html`<div class="field"><label for="fault-effect">What happens</label>
      <select id="fault-effect" @change=${choose}>${EFFECTS.map(group)}</select></div>`;
  }

  function settings() {
    const { setting } = effectOf(fields.value.word);
    if (!setting) return nothing;
    const [, usual, label, hint] = setting;
    return html`<div class="field"><label for="fault-setting">${label}</label>
      <input id="fault-setting" .value=${fields.value.setting} @input=${set('setting')} placeholder=${usual || nothing}
        autocomplete="off" aria-describedby="fault-setting-hint">
      <p class="hint" id="fault-setting-hint">${hint}</p></div>`;
  }

  const phases = () => html`<div class="field"><label for="fault-phase">Which requests</label>
    <select id="fault-phase" @change=${set('phase')}>${PHASES.map(([value, text]) => option(value, text, fields.value.phase))}</select></div>`;

  const text = ([name, label, placeholder]) => html`<div class="field"><label for="fault-${name}">${label}</label>
    <input id="fault-${name}" .value=${fields.value[name]} @input=${set(name)} placeholder=${placeholder}
      autocomplete="off" spellcheck="false"></div>`;

  const simple = () => html`<div class="rule-fields">${effects()}${settings()}${phases()}${FIELDS.filter(isCommon).map(text)}</div>
    <details><summary>More: which of them, for how long, how likely, its name</summary>
      <div class="rule-fields">${FIELDS.filter((field) => !isCommon(field)).map(text)}</div></details>`;

  const type = ({ target }) => { json.value = target.value; };
  const whole = () => html`<div class="field"><label for="fault-json">The rule, or an array of rules, as JSON</label>
    <textarea id="fault-json" rows="10" spellcheck="false" .value=${json.value} @input=${type} aria-describedby="fault-json-hint"></textarea>
    <p class="hint" id="fault-json-hint"><a href="/guide/sandbox/faults" target="_blank" rel="noopener">The guide</a> has every member and every effect.</p></div>`;

  function command() {
    const request = { method: 'POST', path: '/sandbox/faults', token: 'control' };
    return isJson.value
      ? commands({ ...request, body: json.value })
      : commands({ ...request, boomgate: wordsOf(fields.value), body: ruleOf(fields.value) });
  }

  return () => html`<form class="card stack" @submit=${submit} aria-labelledby="new-rule">
    <div class="toolbar"><h2 id="new-rule">Add a rule</h2>
      <span class="row" role="group" aria-label="How to write it">
        ${choiceButton('Form', !isJson.value, () => choose(false))}${choiceButton('JSON', isJson.value, () => choose(true))}</span></div>
    ${isJson.value ? whole() : simple()}
    ${failure.value ? html`<p class="error" role="alert">${failure.value}</p>` : nothing}
    <div class="row"><button ?disabled=${isBusy.value}>Add the rule</button></div>
    ${command()}
  </form>`;
}
