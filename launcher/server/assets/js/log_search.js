// Which lines of a log hold a text: the server looks, a part of the log at a time.

import { get } from "./act.js";

const MOST = 200_000;

export class LogSearch {
  /**
   * @param {import("./log_file.js").LogFile} file
   * @param {string} text
   * @param {() => void} told
   */
  constructor(file, text, told) {
    Object.assign(this, { file, text, told });
    /** @type {number[]} */ this.lines = [];
    this.at = { offset: 0, line: 0 };
    this.isBusy = false;
    this.isOver = false;
  }

  get isFull() {
    return this.lines.length >= MOST;
  }

  /** Search what was not searched yet. */
  async go() {
    if (this.isBusy || this.isOver) return;
    this.isBusy = true;
    try {
      while (!this.isOver && !this.isFull && this.at.offset < this.file.length) await this.#step();
    } catch {
      // It goes on when the log grows, or is searched anew.
    }
    this.isBusy = false;
    if (!this.isOver) this.told();
  }

  async #step() {
    const { path, stream } = this.file;
    const query = new URLSearchParams({
      text: this.text, stream, offset: String(this.at.offset), line: String(this.at.line),
    });
    const found = await get(`${path}/search?${query}`);
    if (this.isOver) return;
    const last = this.lines.at(-1) ?? -1;
    this.lines.push(...found.lines.filter((line) => line > last));
    const isStuck = found.next.offset === this.at.offset;
    this.at = found.next;
    this.told();
    if (isStuck) throw new Error("the log is shorter than it was");
  }

  stop() {
    this.isOver = true;
  }

  /**
   * The match behind, or before, a line; round at the ends.
   * @param {number} line
   * @param {1|-1} direction
   * @returns {number} its place among all, or -1
   */
  beside(line, direction) {
    if (!this.lines.length) return -1;
    if (direction > 0) {
      const next = this.lines.findIndex((one) => one > line);
      return next < 0 ? 0 : next;
    }
    const before = this.lines.findLastIndex((one) => one < line);
    return before < 0 ? this.lines.length - 1 : before;
  }
}
