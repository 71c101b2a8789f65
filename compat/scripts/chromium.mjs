// Goes through pages in headless Chromium, and prints what they said.
// A request: {"chromium", "person", "address", "steps", "codes"}; "chromium" is the program. Each person has cookies of their own, until
// {"person", "close": true}. A step is {"fill": {selector: value}, "click": selector}. Values: "$sent"
// is the code that was sent last, "$totp SEED" what an authenticator app shows, and "$totp-of SELECTOR"
// the same for a seed in the page. "deaf": nobody answers at localhost, as on another machine.
import { chromium } from "playwright-core";
import { serve } from "./serve.mjs";

let browser;

// start starts Chromium once; its user-data-dir is a new one, in the temporary directory.
const start = (executablePath) =>
  (browser ??= chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
      // No page of the tests needs the network.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ],
  }));
const contexts = new Map(); // by person

async function contextOf({ person, deaf, chromium }) {
  if (!contexts.has(person)) {
    // A proxy that isn't there, for all but the pool's pages.
    const away = { proxy: { server: "http://127.0.0.1:9", bypass: "<-loopback>,127.0.0.1" } };
    contexts.set(person, await (await start(chromium)).newContext(deaf ? away : {}));
  }
  return contexts.get(person);
}

async function value(page, codes, text) {
  const get = async (path) => (await fetch(codes + path)).text();
  if (text === "$sent") return get("/sent");
  if (text.startsWith("$totp ")) return get("/totp?seed=" + text.slice(6));
  if (text.startsWith("$totp-of ")) return get("/totp?seed=" + (await page.textContent(text.slice(9))));
  return text;
}

// arrival waits until the next page is there, or can't be had.
const arrival = (page) =>
  new Promise((resolve) => {
    const main = (request) => request.isNavigationRequest() && request.frame() === page.mainFrame();
    page.on("requestfailed", (request) => main(request) && resolve());
    page.once("domcontentloaded", () => resolve());
  });

async function visit(request) {
  const page = await (await contextOf(request)).newPage();
  page.setDefaultTimeout(30_000);
  const result = { pages: [] };
  page.on("request", (r) => {
    if (r.isNavigationRequest() && r.frame() === page.mainFrame()) result.address = r.url();
  });
  const text = () => page.evaluate(() => document.body?.innerText ?? "").catch(() => "");
  await page.goto(request.address).catch((error) => (result.failed = error.message));
  for (const step of request.steps ?? []) {
    await page.waitForSelector(step.click);
    result.pages.push(await text());
    for (const [selector, given] of Object.entries(step.fill ?? {})) {
      await page.fill(selector, await value(page, request.codes, given));
    }
    const there = arrival(page);
    await page.click(step.click, { noWaitAfter: true });
    await there;
  }
  result.pages.push(await text());
  await page.close();
  return result;
}

await serve(async (request) => {
  if (request.close) {
    await contexts.get(request.person)?.close();
    contexts.delete(request.person);
    return {};
  }
  return visit(request).catch((error) => ({ error: error.stack }));
});
await (await browser)?.close();
