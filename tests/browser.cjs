// Opens pages in a real browser as told on standard input, and answers on standard output with what was seen.
// Job: {browser, axe, pages: [{url, dark, width, steps}]}; a step is [what, value].
const { chromium } = require("playwright-core");
const fs = require("fs");

const STEPS = {
  press: async (page, key) => { await page.keyboard.press(key); },
  click: async (page, selector) => { await page.click(selector); },
  media: async (page, media) => { await page.emulateMedia({ media }); },
  screenshot: async (page, path) => { await page.screenshot({ path, fullPage: true }); },
  view: async (page, path) => { await page.screenshot({ path }); },
  eval: async (page, text) => page.evaluate(text),
  tree: async (page) => page.locator("body").ariaSnapshot(),
};

async function look(browser, job, one) {
  const context = await browser.newContext({
    colorScheme: one.dark ? "dark" : "light", viewport: { width: one.width || 1280, height: 900 },
  });
  const page = await context.newPage();
  const requests = [], said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (fault) => said.push(String(fault)));
  // What the page's own policy refuses does not come as far as this: it was never asked for.
  await context.route("**/*", (route) => {
    const url = route.request().url();
    if (url === one.url || url.startsWith("data:")) return route.continue();
    requests.push(url);
    return route.abort();
  });
  await page.goto(one.url, { waitUntil: "load", timeout: 60000 });
  const load = await page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd");
  const answers = [];
  for (const [what, value] of one.steps || []) answers.push(await STEPS[what](page, value));
  let violations = [];
  if (one.axe) {
    await page.evaluate(fs.readFileSync(job.axe, "utf8"));
    const options = { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };
    const found = await page.evaluate((given) => globalThis.axe.run(document, given), options);
    violations = found.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + " " + (node.failureSummary || "").slice(0, 200)).join(" | ")}`);
  }
  await context.close();
  return { load, requests, said, answers, violations };
}

(async () => {
  const job = JSON.parse(fs.readFileSync(0, "utf8"));
  const browser = await chromium.launch({ executablePath: job.browser, args: ["--no-sandbox"] });
  try {
    const seen = [];
    for (const one of job.pages) seen.push(await look(browser, job, one));
    process.stdout.write(JSON.stringify(seen));
  } finally {
    await browser.close();
  }
})().catch((fault) => { process.stderr.write(`${fault}\n`); process.exit(1); });
