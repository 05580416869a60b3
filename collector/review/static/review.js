// What pages do besides, where scripts run: times in the reader's zone, texts to copy, rows by key.
// Every page works without it. No text becomes markup here: the policy forbids it, by trusted types.
"use strict";

const two = (number) => String(number).padStart(2, "0");

// Days of charts and tables stay days of UTC: that is how they are counted.
function showTimesInTheReadersZone() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const seconds = time.textContent.length > "2026-11-23 12:00".length ? `:${two(at.getSeconds())}` : "";
    time.title = `${time.textContent} UTC`;
    time.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}${seconds}`;
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const said of document.querySelectorAll("[data-zone]")) {
    said.textContent = `Times in ${zone}; days in UTC.`;
  }
}

function addCopyButtons() {
  // Over plain http browsers have no clipboard for pages; text can be marked there all the same.
  if (!navigator.clipboard) return;
  for (const text of document.querySelectorAll("pre.command, pre.lines, pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    const name = text.dataset.copy || "";
    const label = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", name ? `${word}: ${name}` : word);
    };
    label("Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent.trim());
        label("Copied");
      } catch {
        getSelection().selectAllChildren(text);
        label("Marked");
      }
      setTimeout(() => label("Copy"), 2000);
    });
    const frame = document.createElement("div");
    frame.className = "copied";
    text.before(frame);
    frame.append(text, button);
  }
}

function helpChoosing() {
  const form = document.querySelector("form.choosing");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=group]")];
  const all = form.querySelector("input.choose-all");
  const said = form.querySelector(".chosen");
  const tell = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    said.textContent = chosen ? `${chosen} chosen` : "Nothing chosen";
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.closest("[hidden]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  for (const box of boxes) box.addEventListener("change", tell);
  tell();
}

// Keys of one letter work where a row has the focus, and nowhere else: https://www.w3.org/TR/WCAG22/#character-key-shortcuts
function walkRowsByKey() {
  const rows = [...document.querySelectorAll("table.walk tbody tr")];
  for (const [number, row] of rows.entries()) {
    row.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const step = { j: 1, k: -1 }[event.key];
      if (step && rows[number + step]) {
        rows[number + step].querySelector("a.to-group").focus();
        event.preventDefault();
      } else if (event.key === "x") {
        row.querySelector("input[name=group]")?.click();
        event.preventDefault();
      }
    });
  }
}

showTimesInTheReadersZone();
addCopyButtons();
helpChoosing();
walkRowsByKey();
