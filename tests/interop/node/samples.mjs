// Runs what the pages offer to copy, for requests with every kind of hostile text, and compares what arrives with the request.
// Prints a line for each language: how many samples ran. Go is not run: its strings follow the rules of the others.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { samples } from "../../../static/js/samples.js";

const run = promisify(execFile);
const programs = { curl: "sh", python: process.argv[2], node: process.execPath };
const endings = { curl: "sh", python: "py", node: "mjs" };

const HOSTILE = [
  "it's", '"quoted"', "back\\slash \\n \\\\", "a\nline\r\n\tand a tab", "$HOME ${HOME} $(id) `id` \\`", "#{x} {{y}} %s %(a)s {0}",
  "ünïcødé ☃ 😀", "\u202eright to left\u2028 \u{e0041} \u200b", "@/etc/passwd", "!history", "\u0001\u007f", "-n --help", "'; exit 1 #",
  "a&b=c+d %20", "", "__proto__",
];
const everything = HOSTILE.join(" ");
const members = Object.fromEntries([...HOSTILE.map((text) => [text, text]), ["list", [...HOSTILE, 1, 2.5, true, false, null, [], {}]]]);
Object.defineProperty(members, "__proto__", { value: { own: true }, enumerable: true, configurable: true, writable: true });
const JSON_TYPE = "application/json";

let arrived;
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    arrived = { method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
    response.setHeader("X-Request-Id", "1");
    response.end();
  });
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const base = `http://127.0.0.1:${server.address().port}`;
const folder = mkdtempSync(join(tmpdir(), "boomgate-samples-"));
const counts = { curl: 0, python: 0, node: 0 };

/** Runs each sample of a request. `expected` says what is wrong with what arrived. */
async function check(request, fault) {
  for (const reveal of [false, true]) {
    for (const { language, code } of samples({ ...request, url: base + request.url, reveal, authority: null })) {
      if (!programs[language]) continue;
      const file = join(folder, `sample.${endings[language]}`);
      writeFileSync(file, code);
      arrived = undefined;
      const environment = { TOKEN: request.token, CLIENT_SECRET: request.credentials?.clientSecret };
      const wrong = await run(programs[language], [file], { env: { ...process.env, ...environment } }).then(
        () => (arrived ? fault(arrived) : "nothing arrived"),
        (error) => error.stderr,
      );
      if (wrong) throw new Error(`${language}: ${wrong}\n${code}\n${JSON.stringify(arrived)}`);
      counts[language] += 1;
    }
  }
}

const isSent = (text) => ({ method, headers, body }) => {
  if (method !== "POST" || headers.authorization !== "Bearer a.b-c_d" || headers["x-hostile"] !== `it's "q" \\ $HOME \`id\``) return "other fields";
  if (!headers["content-type"]?.startsWith(JSON_TYPE)) return "another media type";
  return body === text ? undefined : "another body";
};
const isSameJson = (text) => (got) => {
  const wrong = isSent(got.body)(got);
  return wrong ?? (isDeepStrictEqual(JSON.parse(got.body), JSON.parse(text)) ? undefined : "another value");
};
const post = { method: "POST", url: "/zones?q=[1-2]&x={a,b}", token: "a.b-c_d", headers: { "X-Hostile": `it's "q" \\ $HOME \`id\`` } };

try {
  const whole = JSON.stringify(members, null, 2);
  await check({ ...post, body: whole }, isSameJson(whole));
  // What would lose something as a value of a language is sent as it is.
  for (const body of [everything, "[1,", "null", '{"a":1.0}', '{"a":1,"a":2}', '{"a":12345678901234567890}']) await check({ ...post, body }, isSent(body));
  const credentials = { clientId: "it's \"me\" $x", clientSecret: everything, audience: "a b", scope: "x:y z:y" };
  const form = { grant_type: "client_credentials", client_id: credentials.clientId, client_secret: everything, audience: "a b", scope: "x:y z:y" };
  await check({ method: "POST", url: "/oauth2/token", credentials }, ({ body }) =>
    isDeepStrictEqual(Object.fromEntries(new URLSearchParams(body)), form) ? undefined : "another form");
  for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
    const body = /^P/.test(method) ? '{ "name": "Quay 9" }' : undefined;
    const headers = { "If-Match": '"state"' };
    await check({ method, url: "/zones/1", token: "t", body, headers }, (got) =>
      got.method === method && got.url === "/zones/1" && got.headers["if-match"] === '"state"' ? undefined : "another request");
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true });
}
for (const [language, count] of Object.entries(counts)) console.log(language, count);
