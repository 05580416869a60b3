// Checks by their effect the things that <body data-checks> names, and says in <html data-working> which of them work.
"use strict";

// What frames a page of ours is told so.
if (parent !== window) parent.postMessage("framed", "*");

const WIDGETS = "//widgets.example";
const LIVE = "//live.widgets.example";

const byId = (id) => document.getElementById(id);
const colorOf = (element) => getComputedStyle(element).color;
const isShown = (id) => byId(id).naturalWidth > 0;

async function answers(url) {
  const response = await fetch(url);
  return (await response.json()).hello === "there";
}

function workerAnswers(url) {
  return new Promise((resolve) => {
    const worker = new Worker(url);
    worker.onmessage = ({ data }) => resolve(data === "there");
    worker.onerror = () => resolve(false);
  });
}

function socketAnswers(authority) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new Promise((resolve) => {
    const socket = new WebSocket(`${scheme}${authority}/socket`);
    socket.onmessage = ({ data }) => resolve(data === "there");
    socket.onerror = () => resolve(false);
  });
}

function formIsAnswered() {
  return new Promise((resolve) => {
    byId("answer").onload = ({ target }) => resolve(target.contentDocument?.body.id === "thanks");
    addEventListener("securitypolicyviolation", ({ effectiveDirective, disposition }) => {
      // After these the frame is not told that it was loaded, in one browser or the other.
      if (disposition === "enforce" && ["form-action", "frame-src"].includes(effectiveDirective)) resolve(false);
    });
    byId("form").requestSubmit();
  });
}

// Called by the buttons' handlers.
const clicked = new Set();

function isHandled(id) {
  byId(id).click();
  return clicked.has(id);
}

const CHECKS = {
  "style": () => colorOf(document.body) === "rgb(1, 2, 3)",
  "picture": () => isShown("picture"),
  "data-picture": () => isShown("data-picture"),
  "moved-picture": () => isShown("moved-picture"),
  "fetch": () => answers("/data.json"),
  "worker": () => workerAnswers("/worker.js"),
  "blob-worker": () => workerAnswers(URL.createObjectURL(new Blob(["postMessage('there')"]))),
  "socket": () => socketAnswers(`//${location.host}`),
  // A blocked frame holds an error page of another origin: it has no contentDocument for us.
  "frame": () => byId("frame").contentDocument?.body.id === "framed",
  "form": formIsAnswered,
  "partner-script": () => window.partnerWidget === "ran",
  "partner-release": () => window.partnerRelease === "ran",
  "partner-picture": () => isShown("partner-picture"),
  "partner-font": async () => (await new FontFace("One Glyph", `url(${WIDGETS}/one-glyph.woff2)`).load()).status === "loaded",
  "partner-fetch": () => answers(`${WIDGETS}/data.json`),
  "partner-socket": () => socketAnswers(LIVE),
  "photos": () => ["photo-1", "photo-2", "photo-3"].every(isShown),
  "photo-of-the-day": () => isShown("photo-of-the-day"),
  "inline-style": () => colorOf(byId("promoted")) === "rgb(4, 5, 6)",
  "style-attribute": () => colorOf(byId("styled")) === "rgb(7, 8, 9)",
  "long-style-attribute": () => colorOf(byId("long-styled")) === "rgb(7, 8, 9)",
  "short-script": () => window.short === "ran",
  "long-script": () => window.long === "ran",
  "varying-script": () => window.basket?.visit.length > 0,
  "handler": () => isHandled("handled"),
  "long-handler": () => isHandled("long-handled"),
};

async function works(name) {
  try {
    return await CHECKS[name]();
  } catch {
    return false;
  }
}

addEventListener("load", async () => {
  const names = document.body.dataset.checks.split(" ");
  const isWorking = await Promise.all(names.map(works));
  document.documentElement.dataset.working = ["script", ...names.filter((_, number) => isWorking[number])].join(" ");
});
