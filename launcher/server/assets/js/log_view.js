// The lines of a log on the page: only those that are seen are in it, however many there are.

import { marked, pieces } from "./ansi.js";

const ROW = 18;
const BESIDE = 20;
/** Browsers draw no element that is much higher; longer logs scroll in larger steps. */
const HIGHEST = 12_000_000;

export class LogView {
  /**
   * @param {{view: HTMLElement, room: HTMLElement, lines: HTMLElement}} parts
   * @param {(isAtEnd: boolean) => void} scrolled by the reader
   */
  constructor(parts, scrolled) {
    Object.assign(this, parts);
    this.scrolled = scrolled;
    this.file = null;
    this.wanted = "";
    this.chosen = -1;
    this.drawn = "";
    this.expected = 0;
    this.view.addEventListener("scroll", () => this.#scroll(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.view);
  }

  /** @param {import("./log_file.js").LogFile|null} file */
  open(file) {
    this.file = file;
    this.chosen = -1;
    this.view.scrollLeft = 0;
    this.changed();
  }

  /** There are more lines. */
  changed() {
    const height = Math.min(this.#lines * ROW, HIGHEST);
    this.room.style.height = `${height}px`;
    this.lines.style.setProperty("--log-digits", `${String(this.#lines).length}ch`);
    this.drawn = "";
    this.draw();
  }

  toEnd() {
    this.#scrollTo(this.room.offsetHeight);
  }

  /** @param {number} number of the line that is shown in the middle, and marked */
  toLine(number) {
    this.chosen = number;
    const rows = Math.floor(this.view.clientHeight / ROW);
    const top = Math.max(0, number - Math.floor(rows / 2));
    this.#scrollTo(top * this.#step);
    this.drawn = "";
    this.draw();
  }

  /** @param {string} text in lower case: what is marked in the lines */
  mark(text) {
    this.wanted = text;
    this.drawn = "";
    this.draw();
  }

  draw() {
    const { first, end, top } = this.#range();
    if (this.file) {
      this.file.want(first, end).then((isNew) => isNew && this.#again(), () => undefined);
    }
    const key = `${first} ${end} ${top}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const rows = [];
    for (let number = first; number < end; number += 1) rows.push(this.#row(number));
    this.lines.style.transform = `translateY(${top}px)`;
    this.lines.replaceChildren(...rows);
  }

  get #lines() {
    return this.file?.lines ?? 0;
  }

  /** Pixels of scrolling for a line. */
  get #step() {
    return Math.min(ROW, HIGHEST / Math.max(this.#lines, 1));
  }

  #range() {
    const { scrollTop, clientHeight } = this.view;
    const rows = Math.ceil(clientHeight / ROW);
    const seen = Math.min(Math.floor(scrollTop / this.#step), Math.max(0, this.#lines - rows));
    const isScaled = this.#step < ROW;
    const first = Math.max(0, seen - (isScaled ? 0 : BESIDE));
    const end = Math.min(this.#lines, seen + rows + BESIDE);
    const room = this.room.offsetHeight;
    const top = isScaled ? Math.min(scrollTop, room - (end - first) * ROW) : first * ROW;
    return { first, end, top: Math.max(0, top) };
  }

  #again() {
    this.drawn = "";
    this.draw();
  }

  #row(number) {
    const row = document.createElement("div");
    row.className = "log-row";
    if (number === this.chosen) row.dataset.chosen = "yes";
    const place = document.createElement("span");
    place.className = "log-number";
    place.textContent = String(number + 1);
    const words = document.createElement("span");
    words.className = "log-text";
    const line = this.file.line(number);
    if (line === undefined) row.dataset.coming = "yes";
    else for (const piece of marked(pieces(line), this.wanted)) words.append(drawnPiece(piece));
    row.append(place, words);
    return row;
  }

  #scrollTo(top) {
    const before = this.view.scrollTop;
    this.view.scrollTop = top;
    if (this.view.scrollTop !== before) this.expected += 1;
  }

  #scroll() {
    this.draw();
    if (this.expected) {
      this.expected -= 1;
      return;
    }
    const { scrollTop, clientHeight, scrollHeight } = this.view;
    this.scrolled(scrollTop + clientHeight >= scrollHeight - ROW);
  }
}

/** @param {{text: string, kind: string, isFound?: boolean}} piece */
function drawnPiece({ text, kind, isFound }) {
  if (!kind && !isFound) return document.createTextNode(text);
  const element = document.createElement(isFound ? "mark" : "span");
  element.className = kind;
  element.textContent = text;
  return element;
}
