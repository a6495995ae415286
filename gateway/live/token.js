// The form that asks for a token.

import { hasToken, useToken } from "./api.js";
import { put } from "./card.js";
import { text } from "./texts.js";

const byId = (id) => document.getElementById(id);

/** Why a token is asked for: a name among the texts, and what the server said. */
let why = null;

/** Shows the form in the place of the jobs. */
export function askForToken({ status, message }) {
  why = status === 403 ? ["tokenDenied", message] : [hasToken() ? "tokenWrong" : "tokenNeeded"];
  byId("jobs").hidden = true;
  byId("sign-in").hidden = false;
  showToken();
  byId("token").focus();
}

/** Shows whether there is a token, in the language of the page. */
export function showToken() {
  const [name, said] = why ?? [];
  put(byId("token-why"), said ? text[name](said) : (text[name] ?? ""));
  byId("forget").hidden = !hasToken() || why !== null;
}

/** Has a function called once there is another token, or none any more. */
export function whenTokenChanges(then) {
  const change = (value) => {
    useToken(value);
    why = null;
    byId("token").value = "";
    byId("sign-in").hidden = true;
    byId("jobs").hidden = false;
    showToken();
    then();
  };
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    change(byId("token").value);
  });
  byId("forget").addEventListener("click", () => change(""));
}
