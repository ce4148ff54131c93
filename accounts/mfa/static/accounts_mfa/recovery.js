// Recovery codes: copied, kept as a file, printed. Without this they are selected and printed by hand.
"use strict";

const list = document.getElementById("recovery-codes");
const said = document.querySelector(".code-said");
const codes = [...list.querySelectorAll("code")].map((code) => code.textContent);
const text = `Temps, recovery codes of ${list.dataset.account}. Each works once.\n\n${codes.join("\n")}\n`;

async function copy() {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    window.getSelection().selectAllChildren(list); // not allowed here: the person presses the keys
    said.textContent = "Selected: copy them with your keyboard.";
  }
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = "temps-recovery-codes.txt";
  link.click();
  URL.revokeObjectURL(link.href);
  said.textContent = "Downloaded.";
}

const tools = document.querySelector(".code-tools");
tools.querySelector("[data-copy]").addEventListener("click", copy);
tools.querySelector("[data-download]").addEventListener("click", download);
tools.querySelector("[data-print]").addEventListener("click", () => window.print());
tools.hidden = false;
