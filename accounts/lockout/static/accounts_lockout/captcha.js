// Solves the challenge of an ALTCHA CAPTCHA (version 2, PBKDF2) while the person types, and puts the answer into the
// form. Web Crypto derives the keys, so it needs https, or localhost.
"use strict";

for (const field of document.querySelectorAll("input[data-challenge]")) {
  const form = field.form;
  const status = document.getElementById(field.dataset.status);
  const challenge = JSON.parse(field.dataset.challenge);
  const say = (name) => { status.textContent = status.dataset[name]; };

  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (data) => Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const derive = async ({ nonce, salt, cost, keyLength }, counter) => {
    const password = new Uint8Array(nonce.length / 2 + 4);
    password.set(bytes(nonce));
    new DataView(password.buffer).setUint32(nonce.length / 2, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    return hex(await crypto.subtle.deriveBits(how, key, keyLength * 8));
  };

  const solve = async () => {
    const { parameters } = challenge;
    for (let counter = 0; ; counter += 1) {
      const derivedKey = await derive(parameters, counter);
      if (derivedKey.startsWith(parameters.keyPrefix)) return { counter, derivedKey };
    }
  };

  let solved = false;
  let wanted = null;
  form.addEventListener("submit", (event) => {
    if (solved) return;
    event.preventDefault();
    wanted = event.submitter;
    say("working");
  });

  if (globalThis.crypto?.subtle) {
    say("working");
    solve().then((solution) => {
      field.value = btoa(JSON.stringify({ challenge, solution }));
      solved = true;
      say("done");
      if (wanted) form.requestSubmit(wanted);
    });
  } else {
    solved = true; // the server says no, and why
    say("impossible");
  }
}
