// What the try-out page does as a script of its own: eval, and a fetch from here and from the other origin.
"use strict";

eval("1 + 1");

const { own, other } = document.querySelector("main").dataset;
for (const base of [own, other]) {
  fetch(`${base}/try/data.json`).catch(() => {});
}
