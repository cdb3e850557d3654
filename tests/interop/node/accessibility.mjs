// What axe finds in a page of a file, in light and in dark, on a desk and on a telephone: a line for each finding.
// It speaks the DevTools protocol with Chromium over pipes, so it needs no other package than axe itself.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [file, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const profile = mkdtempSync(join(tmpdir(), "boomgate-chromium-"));
const chromium = spawn(
  process.env.CHROMIUM ?? "chromium",
  ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`, "--remote-debugging-pipe"],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
);
const failed = new Promise((_, reject) => {
  chromium.on("error", reject);
  chromium.on("exit", (code) => reject(new Error(`chromium ended with ${code}`)));
});

const answers = new Map();
const events = new Map();
let last = 0;
let received = "";
chromium.stdio[4].setEncoding("utf8").on("data", (data) => {
  const messages = (received + data).split("\0");
  received = messages.pop();
  for (const { id, method, result, error } of messages.map((message) => JSON.parse(message))) {
    const answer = answers.get(id);
    if (answer) error ? answer.reject(new Error(error.message)) : answer.resolve(result);
    else events.get(method)?.();
  }
});

function send(method, params = {}, sessionId = undefined) {
  const id = ++last;
  chromium.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return Promise.race([failed, new Promise((resolve, reject) => answers.set(id, { resolve, reject }))]);
}

async function examine(scheme, width) {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => send(method, params, sessionId);
  await page("Page.enable");
  await page("Page.setBypassCSP", { enabled: true });
  await page("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await page("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 500 });
  const loaded = new Promise((resolve) => events.set("Page.loadEventFired", resolve));
  await page("Page.navigate", { url: pathToFileURL(file).href });
  await Promise.race([failed, loaded]);
  await page("Runtime.evaluate", { expression: `${axe};0` });
  const { result, exceptionDetails } = await page("Runtime.evaluate", {
    expression: `axe.run().then((found) => JSON.stringify({
      passes: found.passes.length,
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      violations: found.violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes[0].target, html: nodes[0].html })),
    }))`,
    awaitPromise: true,
  });
  if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
  if (pictures) {
    const { data } = await page("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(join(pictures, `${scheme}-${width}.png`), Buffer.from(data, "base64"));
    const { data: paper } = await page("Page.printToPDF", { preferCSSPageSize: true });
    writeFileSync(join(pictures, "print.pdf"), Buffer.from(paper, "base64"));
  }
  return { scheme, width, ...JSON.parse(result.value) };
}

try {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1000, 390]) console.log(JSON.stringify(await examine(scheme, width)));
  }
} finally {
  chromium.removeAllListeners("exit");
  chromium.kill("SIGKILL");
  await new Promise((resolve) => (chromium.exitCode === null && !chromium.signalCode ? chromium.once("exit", resolve) : resolve()));
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
