// One log of any length, by the numbers of its lines: the server counts the lines of each block of
// bytes, and only the blocks are fetched that somebody looks at.

import { get, Refused } from "./act.js";
import { collapsed } from "./ansi.js";

/** Of a line that began in an earlier block: so much of it is shown. */
const LEAD = 16 * 1024;
const KEPT_BLOCKS = 96;
/** Of so many new blocks the lines are counted here, for their bytes are wanted anyway. */
const FEW = 3;
const NEWLINE = 10;

export class LogFile {
  /** @param {string} path of the log, below /api/v1 @param {string} stream */
  constructor(path, stream) {
    Object.assign(this, { path, stream });
    this.block = 0;
    this.length = 0;
    /** @type {number[]} */ this.counts = [];
    /** @type {number[]} lines before each block, and in all */ this.before = [0];
    /** @type {Map<number, string[]>} */ this.blocks = new Map();
    /** @type {Map<number, Promise<void>>} */ this.coming = new Map();
    /** The last line, which has no end yet. */
    this.rest = "";
  }

  /** Lines in all, the one without an end among them. */
  get lines() {
    return this.before.at(-1) + (this.rest ? 1 : 0);
  }

  /** Count the lines that were there, and read the last ones. */
  async open() {
    do {
      const first = this.counts.length;
      const told = await get(`${this.path}/lines?${new URLSearchParams({ first: String(first), stream: this.stream })}`);
      this.block = told.block;
      this.length = told.length;
      if (!told.counts.length) break;
      this.counts.push(...told.counts);
    } while (this.counts.length * this.block < this.length);
    this.#sum(0);
    if (this.counts.length) await this.#load(this.counts.length - 1);
  }

  /** It has grown. @param {number} length */
  async grow(length) {
    if (length <= this.length) return;
    const first = Math.floor(this.length / this.block);
    const last = Math.floor((length - 1) / this.block);
    this.blocks.delete(first);
    this.length = length;
    if (last - first >= FEW) {
      this.counts.length = Math.min(first, this.counts.length);
      await this.open();
      return;
    }
    for (let block = first; block <= last; block += 1) await this.#load(block);
  }

  /**
   * The line, if it is here; else undefined, and `want` brings it.
   * @param {number} number
   */
  line(number) {
    const complete = this.before.at(-1);
    if (number >= complete) return number === complete && this.rest ? collapsed(this.rest) : undefined;
    const block = this.#blockOf(number);
    const lines = this.blocks.get(block);
    return lines && collapsed(lines[number - this.before[block]] ?? "");
  }

  /** Bring the lines from `first` up to `end` here. @returns {Promise<boolean>} there are new ones */
  async want(first, end) {
    const last = Math.min(end, this.before.at(-1)) - 1;
    if (last < first) return false;
    const missing = [];
    for (let block = this.#blockOf(first); block <= this.#blockOf(last); block += 1) {
      if (!this.blocks.has(block) && this.counts[block]) missing.push(block);
    }
    await Promise.all(missing.map((block) => this.#load(block)));
    return missing.length > 0;
  }

  #blockOf(number) {
    let [low, high] = [0, this.counts.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.before[middle + 1] > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #sum(from) {
    this.before.length = from + 1;
    for (let block = from; block < this.counts.length; block += 1) {
      this.before.push(this.before[block] + this.counts[block]);
    }
  }

  #load(block) {
    const known = this.coming.get(block);
    const isLast = (block + 1) * this.block >= this.length;
    if (known && !isLast) return known;
    const coming = this.#read(block, this.length).finally(() => this.coming.delete(block));
    this.coming.set(block, coming);
    return coming;
  }

  async #read(block, length) {
    const start = block * this.block;
    const lead = Math.min(LEAD, start);
    const end = Math.min(start + this.block, length);
    const bytes = await this.#bytes(start - lead, end);
    const body = bytes.subarray(lead);
    const leadEnd = bytes.subarray(0, lead).lastIndexOf(NEWLINE) + 1;
    const bodyEnd = body.lastIndexOf(NEWLINE) + 1;
    const decoder = new TextDecoder();
    const lines = bodyEnd ? decoder.decode(bytes.subarray(leadEnd, lead + bodyEnd)).split("\n") : [];
    if (bodyEnd) lines.pop();
    this.blocks.delete(block);
    this.blocks.set(block, lines);
    if (this.counts[block] !== lines.length) {
      this.counts[block] = lines.length;
      this.#sum(block);
    }
    if (end === this.length) this.rest = decoder.decode(bytes.subarray(bodyEnd ? lead + bodyEnd : leadEnd));
    for (const old of this.blocks.keys()) {
      if (this.blocks.size <= KEPT_BLOCKS) break;
      this.blocks.delete(old);
    }
  }

  /** Bytes from `start` up to `end`; what the server does not have any more is zeros. */
  async #bytes(start, end) {
    const all = new Uint8Array(end - start);
    let at = start;
    while (at < end) {
      const query = new URLSearchParams({ offset: String(at), limit: String(end - at), stream: this.stream });
      const answer = await fetch(`/api/v1${this.path}?${query}`, { cache: "no-store" });
      if (!answer.ok) throw new Refused("the log is not there", "", answer.status);
      const data = new Uint8Array(await answer.arrayBuffer());
      const offset = Number(answer.headers.get("X-Log-Offset"));
      if (!data.length || offset >= end) break;
      all.set(data.subarray(0, end - offset), offset - start);
      at = offset + data.length;
    }
    return all;
  }
}
