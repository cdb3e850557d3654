// Every operation that the OpenAPI document names, in its groups.

import { send } from '../http.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** What a reference stands for. */
function resolved(document, node) {
  const names = node?.$ref?.slice(2).split('/') ?? [];
  return names.length ? names.reduce((inner, name) => inner?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], document) : node;
}

function exampleOf(document, requestBody) {
  const { example, examples } = Object.values(resolved(document, requestBody)?.content ?? {})[0] ?? {};
  const value = example ?? Object.values(examples ?? {})[0]?.value;
  return value === undefined ? '' : JSON.stringify(value, null, 2);
}

/** @returns {Promise<{title: string, list: object[]}[]>} the groups; each operation has `id method path summary parameters body` */
export async function operations() {
  const { status, body: document } = await send('GET', '/openapi.json');
  if (status !== 200 || !document) throw new Error(`the server answered ${status}`);
  const groups = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const operation = item[method];
      const title = operation.tags?.[0] ?? 'Others';
      const list = groups.get(title) ?? groups.set(title, []).get(title);
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])]
        .map((parameter) => resolved(document, parameter))
        .filter((parameter) => parameter?.in === 'query' || parameter?.in === 'path')
        .map(({ name, in: place, description, required }) => ({ name, place, description, required }));
      const body = exampleOf(document, operation.requestBody);
      list.push({ id: `all ${operation.operationId}`, method: method.toUpperCase(), path, summary: operation.summary, parameters, body });
    }
  }
  return [...groups].map(([title, list]) => ({ title, list }));
}
