// Asks for the curves of many charts in few requests: what is wanted within a moment goes together.

import { get } from "./act.js";

const TOGETHER_MS = 30;
const CHARTS_AT_ONCE = 12;
const SERIES_AT_ONCE = 64;

/**
 * @typedef {object} Wish
 * @property {string} title of the chart
 * @property {string[]} names of series
 * @property {number[]|null} ranks null: all
 * @property {number} count of series
 * @property {(answer: object) => void} give
 * @property {() => void} fail
 */

export class Asking {
  /**
   * @param {string} path of the job's curves, below /api/v1
   * @param {string} kind of series
   * @param {() => {x: string, zoom: [number, number]|null, width: number}} how
   */
  constructor(path, kind, how) {
    Object.assign(this, { path, kind, how });
    /** @type {Map<string, Wish>} */ this.waiting = new Map();
    this.timer = 0;
  }

  /** @param {Wish} wish the newest of a chart counts */
  want(wish) {
    this.waiting.set(wish.title, wish);
    this.timer ||= setTimeout(() => this.#send(), TOGETHER_MS);
  }

  #send() {
    this.timer = 0;
    // Ranks hold for all names of a request: who wants the same ones asks together.
    /** @type {Map<string, {wishes: Wish[], count: number}>} */ const batches = new Map();
    for (const wish of this.waiting.values()) {
      const key = String(wish.ranks);
      let batch = batches.get(key);
      if (batch && (batch.wishes.length === CHARTS_AT_ONCE || batch.count + wish.count > SERIES_AT_ONCE)) {
        this.#ask(batch.wishes);
        batch = undefined;
      }
      if (!batch) batches.set(key, (batch = { wishes: [], count: 0 }));
      batch.wishes.push(wish);
      batch.count += wish.count;
    }
    this.waiting.clear();
    for (const { wishes } of batches.values()) this.#ask(wishes);
  }

  /** @param {Wish[]} batch */
  async #ask(batch) {
    const { x, zoom, width } = this.how();
    const query = new URLSearchParams({ kind: this.kind, x, width: String(width) });
    for (const name of new Set(batch.flatMap((wish) => wish.names))) query.append("name", name);
    for (const rank of batch[0].ranks ?? []) query.append("rank", String(rank));
    if (zoom) {
      query.set("from", String(zoom[0]));
      query.set("to", String(zoom[1]));
    }
    try {
      const answer = await get(`${this.path}?${query}`);
      for (const wish of batch) {
        wish.give({ ...answer, curves: answer.curves.filter((curve) => wish.names.includes(curve.name)) });
      }
    } catch {
      for (const wish of batch) wish.fail();
    }
  }
}
