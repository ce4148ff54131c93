// Keeps the progress bar of an export up to date, and shows the page anew once there is something to download.
"use strict";

const EVERY = 1000; // milliseconds between two questions
const AFTER_FAILURE = 5000;
const waiting = (state) => state === "pending" || state === "running";

function show(box, standing) {
  box.dataset.state = standing.state;
  box.querySelector("progress").value = standing.progress;
  if (standing.state === "running") {
    const count = (number) => number.toLocaleString("en");
    box.querySelector("p").textContent = `Writing: ${count(standing.done)} of ${count(standing.total)} entries.`;
  }
}

async function watch(box) {
  while (waiting(box.dataset.state)) {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    try {
      const answer = await fetch(box.dataset.export, { headers: { Accept: "application/json" } });
      if (!answer.ok) return; // signed out, or not one's own: the page says so when it is opened again
      show(box, await answer.json());
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE)); // the server restarts, say
    }
  }
  window.location.reload();
}

document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-export]");
  if (box && waiting(box.dataset.state)) watch(box);
});
