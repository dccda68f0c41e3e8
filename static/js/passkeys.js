// SPDX-License-Identifier: GPL-2.0-or-later
// Passkeys: asks the browser for one, as the page's options say, and hands it in with the form.

function toBytes(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function toText(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The server's options, with bytes where the browser wants bytes. */
function readable({ publicKey }) {
  const described = (each) => ({ ...each, id: toBytes(each.id) });
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  if (options.user) options.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) options.excludeCredentials = options.excludeCredentials.map(described);
  if (options.allowCredentials) options.allowCredentials = options.allowCredentials.map(described);
  return { publicKey: options };
}

/** The credential as JSON, as the server reads it. */
function writable(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    const value = credential.response[name];
    if (value) response[name] = toText(value);
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

async function options(form) {
  if (!("fetch" in form.dataset)) return JSON.parse(document.getElementById("passkey-options").textContent);
  const headers = { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" };
  return (await fetch(form.action, { headers })).json();
}

async function ask(form) {
  const given = await options(form);
  if (form.dataset.passkey !== "create") return navigator.credentials.get(readable(given.request_options));
  const wanted = readable(given.creation_options);
  if (form.elements.passwordless?.checked) {
    const alone = { residentKey: "required", requireResidentKey: true, userVerification: "required" };
    wanted.publicKey.authenticatorSelection = { ...wanted.publicKey.authenticatorSelection, ...alone };
  }
  return navigator.credentials.create(wanted);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.querySelector("[data-passkey-button]").addEventListener("click", async () => {
    const error = form.querySelector("[data-passkey-error]");
    error.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(writable(await ask(form)));
      form.submit();
    } catch {
      error.hidden = false;
    }
  });
}
