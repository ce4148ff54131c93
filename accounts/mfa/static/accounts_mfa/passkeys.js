// Passkeys: a form with data-passkey asks the browser for one, and sends what it answers as a field of its own.
"use strict";

const SAID = {
  none: "Passkeys need https (or localhost) and a current browser.",
  NotAllowedError: "Cancelled, or it took too long. You can try again.",
  AbortError: "Cancelled. You can try again.",
  InvalidStateError: "This device has a passkey for this account already.",
  NotSupportedError: "This device cannot make the kind of passkey that is needed.",
  SecurityError: "Passkeys do not work under this address: open Temps by its https address.",
  offline: "Temps does not answer. Check your connection and try again.",
};

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

// What the server sends as base64url, the browser wants as bytes; and the other way round.
function readable(options) {
  const descriptors = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const read = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) read.excludeCredentials = descriptors(options.excludeCredentials);
  if (options.allowCredentials) read.allowCredentials = descriptors(options.allowCredentials);
  return read;
}

function sendable(credential) {
  const { response } = credential;
  const sent = { clientDataJSON: toText(response.clientDataJSON) };
  if (response.attestationObject) {
    sent.attestationObject = toText(response.attestationObject);
    sent.transports = response.getTransports ? response.getTransports() : [];
  } else {
    sent.authenticatorData = toText(response.authenticatorData);
    sent.signature = toText(response.signature);
    if (response.userHandle) sent.userHandle = toText(response.userHandle);
  }
  return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response: sent };
}

async function optionsOf(form) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  const answer = await fetch(form.dataset.options, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.redirected) return window.location.reload(); // the sign-in has expired: the page says so
  const given = await answer.json();
  if (!answer.ok) throw new Error(given.detail);
  return readable(given);
}

async function ask(form, say) {
  say(form.dataset.passkey === "create" ? "Follow your browser to make the passkey." : "Follow your browser.");
  try {
    const publicKey = await optionsOf(form);
    if (!publicKey) return;
    const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
    form.elements.credential.value = JSON.stringify(sendable(credential));
    say("");
    form.submit();
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) say(SAID.offline);
    else say(SAID[error.name] || error.message);
    form.querySelector("button").disabled = false;
    form.querySelector("button").focus();
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector(".passkey-said");
  const say = (text) => { said.textContent = text; };
  if (!window.PublicKeyCredential) {
    form.hidden = "quiet" in form.dataset;
    form.querySelector("button").disabled = true;
    say(SAID.none);
    continue;
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    ask(form, say);
  });
}
// Back from the next page the browser shows this one as it was: with the button off, and an answer that was spent.
window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
