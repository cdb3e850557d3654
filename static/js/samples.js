// A request as a program writes it: curl, Python (requests), Node (fetch), Go (net/http) and boomgate.
//
// A sample runs as it is copied, whatever is in the request: each language has its own rule for quoting. A token and a secret
// are read from the environment (TOKEN, CLIENT_SECRET) unless `reveal` is set.

const GRANT = { grant_type: 'client_credentials' };
/** Where a sandbox writes its certificate authority, seen from the folder in which it was started. */
const AUTHORITY = 'data/tls/ca.pem';

/** What a sample reads from the environment. */
class Variable {
  constructor(name) {
    this.name = name;
  }
}

/** Text in single quotes of a shell. */
export function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A word of a shell command, quoted only where it must be. */
function shellWord(text) {
  return /^[\w%+=:,./@-]+$/.test(text) ? text : shellQuoted(text);
}

/** What nobody sees, or what changes the order of the text around it: written as an escape. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/gu;
const SHORT = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text in double quotes, which Python, JavaScript and Go read alike but for the form of an escape. */
function quoted(text, escaped) {
  const plain = text.toWellFormed().replace(/["\\]/g, '\\$&');
  return `"${plain.replace(HIDDEN, (hidden) => SHORT[hidden] ?? escaped(hidden.codePointAt(0)))}"`;
}

const hex = (point, digits) => point.toString(16).padStart(digits, '0');
const wide = (point) => (point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`);

/** Text as a string of Python. */
export const pythonQuoted = (text) => quoted(text, wide);
/** Text as a string of Go. */
export const goQuoted = (text) => quoted(text, wide);
/** Text as a string of JavaScript. */
export const nodeQuoted = (text) => quoted(text, (point) => `\\u{${hex(point, 1)}}`);

/** The object or array that JSON text has, if nothing of the text is lost by it; else undefined. */
function exactValue(text) {
  try {
    const value = JSON.parse(text);
    const minified = text.replace(/"(?:\\.|[^"\\])*"|\s+/g, (part) => (part[0] === '"' ? part : ''));
    return typeof value === 'object' && value !== null && JSON.stringify(value) === minified ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A JSON value as a literal of a language, with its lines indented from the second on. */
function literal(value, language, indent) {
  const inner = `${indent}    `.slice(0, indent.length + language.step);
  const list = (parts, [open, close]) =>
    (parts.length ? `${open}\n${parts.map((part) => `${inner}${part},\n`).join('')}${indent}${close}` : `${open}${close}`);
  if (Array.isArray(value)) return list(value.map((item) => literal(item, language, inner)), '[]');
  if (value !== null && typeof value === 'object') {
    const member = ([name, item]) => `${language.name(name)}: ${literal(item, language, inner)}`;
    return list(Object.entries(value).map(member), '{}');
  }
  if (typeof value === 'string') return language.quoted(value);
  return language.words[String(value)] ?? String(value);
}

/** The name of a member in JavaScript, where `"__proto__": value` would make no member. */
const nodeName = (text) => (text === '__proto__' ? '["__proto__"]' : /^[A-Za-z_]\w*$/.test(text) ? text : nodeQuoted(text));

const PYTHON = { quoted: pythonQuoted, name: pythonQuoted, step: 4, words: { true: 'True', false: 'False', null: 'None' } };
const NODE = { quoted: nodeQuoted, name: nodeName, step: 2, words: {} };

function curl({ method, url, fields, form, body, authority }) {
  const parts = [`curl -sS -i${authority ? ` --cacert ${authority}` : ''}`];
  // curl reads [1-9] and {a,b} in an address as several addresses.
  if (/[[\]{}]/.test(url)) parts.push('--globoff');
  const implied = body === undefined && !form ? 'GET' : 'POST';
  if (method !== implied) parts.push(`-X ${method}`);
  for (const [name, value] of fields) {
    parts.push(value instanceof Variable ? `-H "${name}: Bearer $${value.name}"` : `-H ${shellQuoted(`${name}: ${value}`)}`);
  }
  for (const [name, value] of form ?? []) {
    parts.push(`--data-urlencode ${value instanceof Variable ? `"${name}=$${value.name}"` : shellQuoted(`${name}=${value}`)}`);
  }
  if (body !== undefined) parts.push(`--data-raw ${shellQuoted(body)}`);
  parts.push(shellWord(url));
  return parts.join(' \\\n  ');
}

function python({ method, url, fields, form, body, authority }) {
  const isRead = [...fields, ...(form ?? [])].some(([, value]) => value instanceof Variable);
  const variable = ({ name }) => `os.environ["${name}"]`;
  const value = (item) => (item instanceof Variable ? variable(item) : pythonQuoted(item));
  const field = ([name, item]) => `        ${pythonQuoted(name)}: ${item instanceof Variable ? '"Bearer " + ' : ''}${value(item)},\n`;
  const exact = body === undefined ? undefined : exactValue(body);
  // `json=` sends the field itself.
  const shown = exact === undefined ? fields : fields.filter(([name, item]) => !(name === 'Content-Type' && item === 'application/json'));
  const lines = [`    ${pythonQuoted(url)},\n`];
  if (shown.length) lines.push(`    headers={\n${shown.map(field).join('')}    },\n`);
  if (form) lines.push(`    data={\n${form.map(([name, item]) => `        ${pythonQuoted(name)}: ${value(item)},\n`).join('')}    },\n`);
  else if (exact !== undefined) lines.push(`    json=${literal(exact, PYTHON, '    ')},\n`);
  else if (body !== undefined) lines.push(`    data=${pythonQuoted(body)}.encode(),\n`);
  const trust = authority ? `# REQUESTS_CA_BUNDLE=${authority} python3 sample.py\n` : '';
  return `${trust}${isRead ? 'import os\n\n' : ''}import requests

response = requests.${method.toLowerCase()}(
${lines.join('')})
print(response.status_code, response.headers["X-Request-Id"])
print(response.text)`;
}

function node({ method, url, fields, form, body, authority }) {
  const variable = ({ name }) => `process.env.${name}`;
  const value = (item) => (item instanceof Variable ? `\`Bearer \${${variable(item)}}\`` : nodeQuoted(item));
  const field = ([key, item]) => `    ${nodeName(key)}: ${value(item)},\n`;
  const exact = body === undefined ? undefined : exactValue(body);
  const lines = method === 'GET' ? [] : [`  method: ${nodeQuoted(method)},\n`];
  if (fields.length) lines.push(`  headers: {\n${fields.map(field).join('')}  },\n`);
  if (form) {
    const pairs = form.map(([key, item]) => `    ${key}: ${item instanceof Variable ? variable(item) : nodeQuoted(item)},\n`);
    lines.push(`  body: new URLSearchParams({\n${pairs.join('')}  }),\n`);
  } else if (exact !== undefined) {
    lines.push(`  body: JSON.stringify(${literal(exact, NODE, '  ')}),\n`);
  } else if (body !== undefined) {
    lines.push(`  body: ${nodeQuoted(body)},\n`);
  }
  const trust = authority ? `// NODE_EXTRA_CA_CERTS=${authority} node sample.mjs\n` : '';
  const options = lines.length ? `, {\n${lines.join('')}}` : '';
  return `${trust}const response = await fetch(${nodeQuoted(url)}${options});
console.log(response.status, response.headers.get("x-request-id"));
console.log(await response.text());`;
}

function go({ method, url, fields, form, body, authority }) {
  const variable = ({ name }) => `os.Getenv("${name}")`;
  const isRead = [...fields, ...(form ?? [])].some(([, value]) => value instanceof Variable);
  const packages = ['fmt', 'io', 'log', 'net/http', form && 'net/url', isRead && 'os', (form || body !== undefined) && 'strings'];
  const lines = [];
  let reader = 'nil';
  if (form) {
    const pairs = form.map(([name, item]) => `\t\t"${name}": {${item instanceof Variable ? variable(item) : goQuoted(item)}},\n`);
    lines.push(`form := url.Values{\n${pairs.join('')}\t}`);
    reader = 'strings.NewReader(form.Encode())';
  } else if (body !== undefined) {
    // A raw string has no escapes, so it can have neither a backtick nor anything that would have to be escaped.
    const isRaw = !body.includes('`') && body.isWellFormed() && !/[^\n\t\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/u.test(body);
    reader = `strings.NewReader(${isRaw ? `\`${body}\`` : goQuoted(body)})`;
  }
  const failed = 'if err != nil {\n\t\tlog.Fatal(err)\n\t}';
  lines.push(`request, err := http.NewRequest(${goQuoted(method)}, ${goQuoted(url)}, ${reader})`, failed);
  const value = (item) => (item instanceof Variable ? `"Bearer "+${variable(item)}` : goQuoted(item));
  const set = ([name, item]) => `request.Header.Set(${goQuoted(name)}, ${value(item)})`;
  lines.push(...fields.map(set));
  if (form) lines.push('request.Header.Set("Content-Type", "application/x-www-form-urlencoded")');
  lines.push(
    'response, err := http.DefaultClient.Do(request)', failed, 'defer response.Body.Close()',
    'body, err := io.ReadAll(response.Body)', failed,
    'fmt.Println(response.StatusCode, response.Header.Get("X-Request-Id"))', 'fmt.Println(string(body))',
  );
  const imports = packages.filter(Boolean).map((name) => `\t"${name}"\n`).join('');
  const trust = authority ? `// SSL_CERT_FILE=${authority} go run sample.go\n` : '';
  return `${trust}package main\n\nimport (\n${imports})\n\nfunc main() {\n${lines.map((line) => `\t${line}\n`).join('')}}`;
}

/** `boomgate token get` for a client, as a command whose output is a token. */
function tokenCommand({ clientId, clientSecret, audience, scope, isDemo }, reveal) {
  const words = ['boomgate token get'];
  if (isDemo) words.push(`--client ${shellWord(clientId)}`);
  if (audience) words.push(`--audience ${shellWord(audience)}`);
  if (scope) words.push(`--scope ${shellWord(scope)}`);
  if (isDemo) return words.join(' ');
  const secret = reveal && clientSecret !== undefined ? shellWord(clientSecret) : '"$CLIENT_SECRET"';
  return `BOOMGATE_CLIENT_ID=${shellWord(clientId)} BOOMGATE_CLIENT_SECRET=${secret} \\\n  ${words.join(' ')}`;
}

function boomgate(request) {
  const { credentials, reveal, form, requestId } = request;
  const why = requestId ? `\n\nboomgate why ${shellWord(requestId)}` : '';
  if (form) return `${tokenCommand(credentials, reveal)}${why}`;
  // The program gets tokens and explains refusals; the API itself is called by what partners call it with.
  const token = credentials ? `TOKEN=$(${tokenCommand(credentials, reveal)})\n\n` : '';
  return `${token}${curl(request)}${why}`;
}

/**
 * A request in each language.
 *
 * @param {object} request
 * @param {string} request.method
 * @param {string} request.url absolute
 * @param {string} [request.token] the access token; the samples send it as `Authorization: Bearer`
 * @param {{clientId: string, clientSecret?: string, audience?: string, scope?: string, isDemo?: boolean}} [request.credentials]
 *   of the client. Without `token`, this is the token request itself
 * @param {Object<string, string>} [request.headers] others
 * @param {string|object} [request.body] text, or a value that is sent as JSON
 * @param {boolean} [request.reveal] whether the token and the secret are written out
 * @param {string} [request.requestId] of the answer, for `boomgate why`
 * @param {string|null} [request.authority] the file of the certificate authority to trust; null for those of the system
 * @returns {{language: string, title: string, code: string}[]}
 */
export function samples({ method, url, token, credentials, headers = {}, body, reveal = false, requestId, authority = AUTHORITY }) {
  const isTokenRequest = token === undefined && credentials !== undefined && body === undefined && method === 'POST';
  const fields = Object.entries(headers);
  if (token !== undefined) fields.unshift(['Authorization', reveal ? `Bearer ${token}` : new Variable('TOKEN')]);
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body, null, 2);
  if (text !== undefined && !fields.some(([name]) => name.toLowerCase() === 'content-type')) {
    fields.push(['Content-Type', 'application/json']);
  }
  const form = isTokenRequest ? formOf(credentials, reveal) : undefined;
  const request = { method, url, fields, form, body: text, credentials, reveal, requestId, authority };
  return [
    { language: 'curl', title: 'curl', code: curl(request) },
    { language: 'python', title: 'Python', code: python(request) },
    { language: 'node', title: 'Node', code: node(request) },
    { language: 'go', title: 'Go', code: go(request) },
    { language: 'boomgate', title: 'boomgate', code: boomgate(request) },
  ];
}

function formOf({ clientId, clientSecret, audience, scope }, reveal) {
  const secret = reveal && clientSecret !== undefined ? clientSecret : new Variable('CLIENT_SECRET');
  const members = { ...GRANT, client_id: clientId, client_secret: secret, audience, scope };
  return Object.entries(members).filter(([, value]) => value !== undefined && value !== '');
}
