// Checks by their effect the things that <body data-checks> names, and says in <html data-working> which of them work.
"use strict";

const { partner } = document.documentElement.dataset;

const isShown = (id) => document.getElementById(id).naturalWidth > 0;

async function answers(url) {
  const response = await fetch(url);
  return (await response.json()).hello === "there";
}

function workerAnswers() {
  return new Promise((resolve) => {
    const worker = new Worker("/worker.js");
    worker.onmessage = ({ data }) => resolve(data === "there");
    worker.onerror = () => resolve(false);
  });
}

const CHECKS = {
  "style": () => getComputedStyle(document.body).color === "rgb(1, 2, 3)",
  "picture": () => isShown("picture"),
  "data-picture": () => isShown("data-picture"),
  "fetch": () => answers("/data.json"),
  "worker": workerAnswers,
  // A blocked frame holds an error page of another origin: it has no contentDocument for us.
  "frame": () => document.getElementById("frame").contentDocument?.body.id === "framed",
  "partner-script": () => window.partnerWidget === "ran",
  "partner-picture": () => isShown("partner-picture"),
  "partner-font": async () => (await new FontFace("One Glyph", `url(${partner}/one-glyph.woff2)`).load()).status === "loaded",
  "partner-fetch": () => answers(`${partner}/data.json`),
};

async function works(name) {
  try {
    return await CHECKS[name]();
  } catch {
    return false;
  }
}

addEventListener("load", async () => {
  const working = ["script"];
  for (const name of document.body.dataset.checks.split(" ")) {
    if (await works(name)) working.push(name);
  }
  document.documentElement.dataset.working = working.join(" ");
});
