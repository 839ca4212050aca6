// What a page asks of the API, and the words for what became of it.

const TOAST_MS = 5000;
const ERROR_MS = 12_000;

/** The page may change things, not only look. */
export const mayAct = () => document.body.dataset.mayAct === "yes";

export class Refused extends Error {
  /** @param {string} message @param {string} hint @param {number} status */
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

/**
 * The JSON that a route of the API answers with.
 * @param {string} path below /api/v1
 * @param {AbortSignal} [signal]
 */
export async function get(path, signal) {
  return answer(await reach(`/api/v1${path}`, { signal }));
}

/**
 * Change something; `user` goes along.
 * @param {string} path below /api/v1
 * @param {Record<string, unknown>} [data]
 */
export async function post(path, data = {}) {
  const body = JSON.stringify({ user: document.body.dataset.user, ...data });
  const headers = { "Content-Type": "application/json", "X-Launcher-Page": "1" };
  return answer(await reach(`/api/v1${path}`, { method: "POST", headers, body }));
}

/** @param {string} address @param {RequestInit} init */
async function reach(address, init) {
  try {
    return await fetch(address, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("the server does not answer", "it may be starting again", 0);
  }
}

/** @param {Response} response */
async function answer(response) {
  const data = await response.json().catch(() => null);
  if (response.ok) return data;
  throw new Refused(data?.error ?? `the server answered ${response.status}`, data?.hint ?? "", response.status);
}

/**
 * Do something that may be refused, and say so if it is. Gives undefined then.
 * @template T
 * @param {() => Promise<T>} action
 * @param {string} [done] what to say when it worked
 * @returns {Promise<T | undefined>}
 */
export async function attempt(action, done) {
  try {
    const result = await action();
    if (done) toast(done);
    return result;
  } catch (error) {
    const hint = error instanceof Refused ? error.hint : "";
    toast(error instanceof Error ? error.message : String(error), { hint, isError: true });
    return undefined;
  }
}

/**
 * Say what became of something, at the edge of the page.
 * @param {string} text
 * @param {{hint?: string, isError?: boolean}} [options]
 */
export function toast(text, { hint = "", isError = false } = {}) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.kind = isError ? "error" : "done";
  const words = document.createElement("div");
  words.append(paragraph(text));
  if (hint) words.append(paragraph(hint, "muted"));
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), isError ? ERROR_MS : TOAST_MS);
}

/** @param {string} text @param {string} [kind] */
function paragraph(text, kind = "") {
  const element = document.createElement("p");
  element.className = kind;
  element.textContent = text;
  return element;
}

/**
 * Ask before something that cannot be taken back.
 * @param {{title: string, text?: string, yes: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text = "", yes }) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
  /** @type {[string, string][]} */
  const words = [["confirm-title", title], ["confirm-text", text], ["confirm-yes", yes]];
  for (const [id, said] of words) {
    const place = document.getElementById(id);
    if (place) place.textContent = said;
  }
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
