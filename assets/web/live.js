"use strict";
// Live counts: hears of news and loads the parts of this page again. Without it, a reload does.
const news = document.getElementById("news");
let stream = null;
let last = null;
let waiting = 0;

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.textContent = at.toLocaleString();
  }
}

function isTyping(part) {
  return part.contains(document.activeElement) && document.activeElement.matches("input, select");
}

async function refresh() {
  const parts = document.querySelectorAll("[data-part]");
  if (parts.length === 0) return;
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  localTimes(page);
  for (const part of parts) {
    const fresh = page.getElementById(part.id);
    if (fresh && !isTyping(part) && fresh.innerHTML !== part.innerHTML) {
      part.replaceWith(document.adoptNode(fresh));
    }
  }
}

function say(text) {
  news.textContent = text;
  news.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => news.classList.remove("shown"), 6000);
}

function listen() {
  if (stream || document.hidden || !news) return;
  stream = new EventSource(last === null ? "/events" : "/events?after=" + last);
  stream.addEventListener("news", (event) => {
    last = event.lastEventId;
    say(JSON.parse(event.data).text);
    clearTimeout(waiting);
    waiting = setTimeout(() => refresh().catch(() => {}), 150);
  });
  stream.addEventListener("drain", () => say("The gallery has ended."));
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden && stream) {
    stream.close();
    stream = null;
  } else {
    listen();
    refresh().catch(() => {});
  }
});
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", () => {
    const busy = form.querySelector("button[data-busy]");
    if (busy) { busy.textContent = busy.dataset.busy; setTimeout(() => { busy.disabled = true; }); }
  });
}
localTimes(document);
listen();
