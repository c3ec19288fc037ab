"use strict";
// One look: fetches the bytes once, paints them, and only then says that they were seen.
const look = document.getElementById("look");
const canvas = document.getElementById("canvas");
const state = document.getElementById("look-state");
const address = look.dataset.look;
let isOpen = true;

const frame = () => new Promise((next) => requestAnimationFrame(next));

async function tell(word) {
  const answer = await fetch(address + "/" + word, { method: "POST" });
  if (!answer.ok) throw new Error("refused");
  return answer.status === 204 ? null : answer.json();
}

function blank(text) {
  isOpen = false;
  canvas.width = 1;
  canvas.height = 1;
  canvas.hidden = true;
  if (text) state.textContent = text;
}

function close(text) {
  if (!isOpen) return;
  blank(text);
  navigator.sendBeacon(address + "/closed");
}

function countDown(ms, counted) {
  const end = performance.now() + ms;
  const field = document.getElementById("countdown");
  const timer = setInterval(() => {
    const left = Math.max(0, end - performance.now());
    field.textContent = "closes in " + Math.ceil(left / 1000) + " s";
    if (left === 0) {
      clearInterval(timer);
      field.textContent = "";
      close(counted + " · closed");
    }
  }, 200);
}

async function show() {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new Error("gone");
  const picture = await createImageBitmap(await answer.blob());
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  canvas.hidden = false;
  await frame();
  await frame();
  const { ordinal, left } = await tell("painted");
  const counted = "look " + ordinal + " of " + look.dataset.granted + " counted, " + left + " left";
  state.textContent = counted;
  if (look.dataset.showMs) countDown(Number(look.dataset.showMs), counted);
}

show().catch(async () => {
  const told = await tell("failed").catch(() => ({ let_go: false }));
  state.textContent = told.let_go
    ? "The picture could not be shown. Nothing was counted."
    : "The picture was sent but could not be shown. Ask the owner for a refund.";
});
addEventListener("pagehide", () => close(""));
// The page behind tells how the lease stands: it is fetched when the look is over for the node too.
document.getElementById("close").addEventListener("click", async (event) => {
  event.preventDefault();
  const behind = event.currentTarget.href;
  if (isOpen) {
    blank("");
    await tell("closed").catch(() => null);
  }
  location.assign(behind);
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.getElementById("close").click();
});
