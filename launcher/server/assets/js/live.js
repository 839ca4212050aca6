// Server-sent events that go on where they broke off, and rest while nobody looks.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** The server sends a comment every 10 s, which no page sees; its events tell that it lives. */
const TOLD_AFTER_MS = 3000;
/** A page lets the server rest for so many times as long as it kept it busy. */
const REST = 4;

/** @type {Set<object>} streams that do not answer now */
const silent = new Set();

function tellSilence() {
  const place = document.getElementById("live");
  if (!place) return;
  place.hidden = !silent.size;
  place.textContent = silent.size ? "reconnecting…" : "";
}

/**
 * @typedef {object} Stream
 * @property {() => void} close
 *
 * Open a stream of events. The browser's own EventSource gives up after some answers; this one
 * opens it anew, and gives the last id by `cursor`, which a new EventSource cannot send as a header.
 *
 * @param {string} address
 * @param {Record<string, (data: any, id: string) => void>} handlers by the kind of event
 * @param {{whileHidden?: boolean, cursor?: string, over?: string}} [options] `over`: the kind of
 *     event after which nothing comes any more
 * @returns {Stream}
 */
export function listen(address, handlers, options = {}) {
  let cursor = options.cursor ?? "";
  let pause = FIRST_PAUSE_MS;
  let closed = false;
  /** @type {EventSource | undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let telling;
  const self = { close };

  function open() {
    clearTimeout(again);
    if (closed || source || (document.hidden && !options.whileHidden)) return;
    const url = new URL(address, location.href);
    if (cursor) url.searchParams.set("cursor", cursor);
    source = new EventSource(url);
    source.onopen = heard;
    source.onerror = broken;
    for (const [kind, handle] of Object.entries(handlers)) {
      source.addEventListener(kind, (event) => {
        cursor = event.lastEventId || cursor;
        heard();
        handle(event.data ? JSON.parse(event.data) : null, cursor);
        if (kind === options.over) close();
      });
    }
  }

  function heard() {
    pause = FIRST_PAUSE_MS;
    clearTimeout(telling);
    telling = undefined;
    silent.delete(self);
    tellSilence();
  }

  function broken() {
    drop();
    telling ??= setTimeout(() => { silent.add(self); tellSilence(); }, TOLD_AFTER_MS);
    again = setTimeout(open, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }

  function drop() {
    source?.close();
    source = undefined;
    clearTimeout(again);
  }

  function close() {
    closed = true;
    drop();
    heard();
    document.removeEventListener("visibilitychange", look);
  }

  function look() {
    if (document.hidden && !options.whileHidden) { drop(); heard(); } else open();
  }

  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", drop);
  addEventListener("pageshow", open);
  open();
  return self;
}

/**
 * Call `act` when something changed, and not again before it is done and `everyMs` have passed; what
 * takes long is done less often.
 * @param {() => Promise<unknown>} act
 * @param {number} everyMs
 */
export function throttled(act, everyMs) {
  let isBusy = false;
  let isWanted = false;
  return async function changed() {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted) {
      isWanted = false;
      const begun = performance.now();
      try {
        await act();
      } catch {
        // The next change asks again.
      }
      const took = performance.now() - begun;
      await new Promise((done) => setTimeout(done, Math.max(everyMs - took, took * REST)));
    }
    isBusy = false;
  };
}
