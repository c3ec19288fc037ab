// Walks the galleries of two people in a real browser: request, approval, two looks, the cover,
// a revocation seen live, and a look without a script. Every page passes an accessibility check.
// Usage: node e2e.mjs OWNER-URL BORROWER-URL CHROMIUM FOLDER PICTURE
import assert from "node:assert/strict";
import { readFileSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [ownerUrl, borrowerUrl, executablePath, folder, picture] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const complaints = [];
let isRefusalExpected = false;

async function visit(url, options) {
  const profile = mkdtempSync(join(folder, "profile-"));
  const context = await chromium.launchPersistentContext(profile,
    { executablePath, args: flags, viewport: { width: 1180, height: 860 }, ...options });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(120_000); // A first cover is drawn, on a machine that may be busy.
  page.on("request", (request) => {
    const { hostname } = new URL(request.url());
    if (hostname !== "127.0.0.1") complaints.push(`left loopback: ${request.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !isRefusalExpected) complaints.push(message.text());
  });
  await page.goto(url);
  assert.equal(new URL(page.url()).pathname, "/", "the door leads to the galleries");
  return { context, page };
}

async function look(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  for (const { id, nodes } of grave) {
    complaints.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  }
  console.log(`ok   ${name}`);
}

const tile = (page, name) => page.locator(".tile", { hasText: name });
const inState = (page, name, state) =>
  page.locator(`.tile[data-state="${state}"]`, { hasText: name }).first().waitFor();

async function share(owner, name, views) {
  await owner.goto(new URL("/mine", owner.url()).href);
  const form = owner.locator("section", { hasText: "Share a file with one person" }).locator("form");
  const buffer = readFileSync(picture);
  await form.locator("input[type=file]").setInputFiles({ name, mimeType: "image/png", buffer });
  await form.locator("select[name=to]").selectOption("bob");
  await form.locator("input[name=views]").fill(String(views));
  await form.locator("button").click();
  await owner.getByText(`at ${name} for @bob`).waitFor();
}

const alice = await visit(ownerUrl);
const bob = await visit(borrowerUrl);

// Request and approval.
await look(bob.page, "home-empty");
await bob.page.getByRole("link", { name: /@alice/ }).click();
await inState(bob.page, "beach.png", "offered");
await look(bob.page, "offered");
const peerPage = bob.page.url();
await tile(bob.page, "beach.png").locator("input[name=views]").fill("2");
await tile(bob.page, "beach.png").getByRole("button", { name: /Request/ }).click();
await inState(bob.page, "beach.png", "asked");
await look(bob.page, "asked");
await alice.page.getByRole("link", { name: "Requests" }).click();
await alice.page.getByText("asks for").waitFor();
await look(alice.page, "requests");
await alice.page.getByRole("button", { name: "Approve" }).click();
await alice.page.getByText("2 looks granted.").waitFor();
await inState(bob.page, "beach.png", "granted");
await look(bob.page, "granted-live");

// Two looks; a reload counts nothing.
async function open(page, count, shot) {
  await page.goto(peerPage);
  await tile(page, "beach.png").getByRole("link", { name: /Open/ }).click();
  await page.getByRole("button", { name: "Open, spend 1" }).waitFor();
  if (shot) await look(page, "confirm");
  await page.getByRole("button", { name: "Open, spend 1" }).click();
  await page.getByText(`look ${count} of 2 counted, ${2 - count} left`).waitFor();
}
await open(bob.page, 1, true);
await look(bob.page, "viewing");
isRefusalExpected = true;
await bob.page.reload();
await bob.page.getByRole("heading", { name: "Shown already" }).waitFor();
await look(bob.page, "reload");
isRefusalExpected = false;
await open(bob.page, 2, false);
await bob.page.getByRole("link", { name: "Close" }).click();
await bob.page.getByText("2 of 2 used, 0 left").waitFor();
await bob.page.waitForFunction(() => document.querySelector("img.cover")?.naturalWidth > 0);
await look(bob.page, "spent-lease");
await bob.page.goto(peerPage);
await inState(bob.page, "beach.png", "spent");
await look(bob.page, "spent");
await alice.page.goto(new URL("/shared", ownerUrl).href);
await alice.page.getByRole("link", { name: "beach.png" }).click();
await alice.page.getByText("look 2").first().waitFor();
await look(alice.page, "owner-lease");

// A revocation is seen live.
await share(alice.page, "cat.png", 3);
await look(alice.page, "shared");
await bob.page.goto(new URL("/", borrowerUrl).href);
await inState(bob.page, "cat.png", "granted");
await alice.page.getByRole("button", { name: "Revoke cat.png" }).click();
await inState(bob.page, "cat.png", "revoked");
await look(bob.page, "revoked-live");

// The same flow without a script.
await share(alice.page, "desk.png", 2);
const plain = await visit(borrowerUrl, { javaScriptEnabled: false });
await tile(plain.page, "desk.png").getByRole("link", { name: /Open/ }).click();
await plain.page.getByRole("button", { name: "Open, spend 1" }).click();
await plain.page.locator(".stage img").waitFor();
await plain.page.screenshot({ path: join(folder, "viewing-plain.png") });
await plain.page.getByRole("link", { name: "Close" }).click();
await plain.page.getByText("1 of 2 used, 1 left").waitFor();
console.log("ok   a look without a script");

for (const [who, path, name] of [[alice, "/mine", "mine"], [alice, "/people", "people"],
  [bob, "/about", "about"], [alice, "/shared/revoke-all", "revoke-all"]]) {
  await who.page.goto(new URL(path, who === alice ? ownerUrl : borrowerUrl).href);
  await look(who.page, name);
}
const dark = await visit(borrowerUrl, { colorScheme: "dark" });
await dark.page.goto(peerPage);
await look(dark.page, "dark");

for (const one of [alice, bob, plain, dark]) await one.context.close();
assert.deepEqual(complaints, []);
console.log("PASS");
