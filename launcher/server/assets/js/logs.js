// The logs of a job: which one is shown, and whether its end is followed.

import { onKey } from "./keys.js";
import { LogFile } from "./log_file.js";
import { LogSearch } from "./log_search.js";
import { LogView } from "./log_view.js";

const SEARCH_AFTER_MS = 250;
const part = (id) => document.getElementById(`log-${id}`);

export class Logs {
  /** @param {string} path of the job, below /api/v1 */
  constructor(path) {
    this.path = path;
    /** @type {Map<string, number>} length by `attempt.rank.stream` */ this.lengths = new Map();
    /** @type {Map<number, number>} first failing rank by attempt */ this.failing = new Map();
    this.shown = "";
    this.file = null;
    this.search = null;
    this.match = -1;
    this.isChosen = false;
    this.view = new LogView(
      { view: part("view"), room: part("room"), lines: part("lines") },
      (isAtEnd) => { part("follow").checked = isAtEnd; },
    );
    this.#listen();
  }

  /** How long each log is now. @param {[number, number, string, number][]} told */
  grow(told) {
    if (told.length) part("frame").removeAttribute("data-empty");
    for (const [attempt, rank, stream, length] of told) this.lengths.set(`${attempt}.${rank}.${stream}`, length);
    this.#offer();
    const length = this.lengths.get(this.shown);
    if (this.file && length > this.file.length) this.#follow();
  }

  /** Which rank failed first. @param {{number: number, first_failing: number|null}[]} attempts */
  tellAttempts(attempts) {
    for (const { number, first_failing: rank } of attempts) if (rank !== null) this.failing.set(number, rank);
    this.#offer();
  }

  /** Show the end of a rank's log, if it has said anything: there stands why it failed. */
  show(attempt, rank, stream = "log") {
    const key = `${attempt}.${rank}.${stream}`;
    if (!this.lengths.has(key)) return;
    this.isChosen = true;
    part("follow").checked = true;
    if (part("search").value) {
      part("search").value = "";
      this.#find();
    }
    if (key === this.shown) this.view.toEnd();
    else this.#open(key);
  }

  // --- which one -----------------------------------------------------------------------------------

  #offer() {
    const keys = [...this.lengths.keys()].map((key) => key.split("."));
    const attempts = [...new Set(keys.map(([attempt]) => Number(attempt)))].sort((one, other) => other - one);
    if (!attempts.length) return;
    const isStale = !this.lengths.has(this.shown);
    const newest = attempts[0];
    const isBehind = !this.isChosen && Number(this.shown.split(".")[0]) !== newest;
    if (isStale || isBehind) this.#open(this.#first(newest));
    else if (!this.isChosen && this.failing.has(newest) && this.shown !== this.#first(newest)) {
      this.#open(this.#first(newest));
    } else this.#options();
  }

  /** The log of an attempt that is worth a look: of the rank that failed first, else of the lowest. */
  #first(attempt) {
    const ranks = this.#ranks(attempt);
    const failing = `${attempt}.${this.failing.get(attempt)}.log`;
    if (ranks.includes(failing)) return failing;
    return ranks.find((key) => key.endsWith(".log") && this.lengths.get(key)) ?? ranks[0];
  }

  #ranks(attempt) {
    return [...this.lengths.keys()]
      .filter((key) => key.startsWith(`${attempt}.`))
      .sort((one, other) => place(one) - place(other));
  }

  #options() {
    const [attempt] = this.shown.split(".").map(Number);
    const numbers = [...new Set([...this.lengths.keys()].map((key) => Number(key.split(".")[0])))];
    fill(part("attempt"), numbers.sort((one, other) => other - one)
      .map((number) => [String(number), `attempt ${number}`]), String(attempt));
    fill(part("rank"), this.#ranks(attempt).map((key) => [key, this.#words(key)]), this.shown);
    const failing = this.failing.get(attempt);
    part("failing").hidden = failing === undefined || this.shown === `${attempt}.${failing}.log`;
    part("rank").toggleAttribute("data-failing", this.shown === `${attempt}.${failing}.log`);
  }

  #words(key) {
    const [attempt, rank, stream] = key.split(".");
    if (stream !== "log") return `${stream} (rank ${rank}'s node)`;
    return `rank ${rank}${this.failing.get(Number(attempt)) === Number(rank) ? " ✕ failed first" : ""}`;
  }

  async #open(key) {
    if (!key || key === this.shown) return;
    this.shown = key;
    const [attempt, rank, stream] = key.split(".");
    this.#options();
    const file = new LogFile(`${this.path}/logs/${attempt}/${rank}`, stream);
    const query = stream === "log" ? "" : `?stream=${stream}`;
    part("download").href = `/api/v1${file.path}${query}`;
    part("download").download = `${document.getElementById("job").dataset.id}.${attempt}.${rank}.${stream}`;
    try {
      await file.open();
    } catch {
      if (this.shown === key) this.shown = "";
      return;
    }
    if (this.shown !== key) return;
    this.file = file;
    this.view.open(file);
    this.#tellEmpty();
    part("view").dataset.shown = key;
    if (part("follow").checked) this.view.toEnd();
    else part("view").scrollTop = 0;
    this.#find();
    if ((this.lengths.get(key) ?? 0) > file.length) this.#follow();
  }

  /** Read what was added, once more if it has grown meanwhile. */
  async #follow() {
    if (this.isReading) return;
    this.isReading = true;
    const { file, shown } = this;
    try {
      while (this.file === file && (this.lengths.get(shown) ?? 0) > file.length) {
        await file.grow(this.lengths.get(shown));
        if (this.file !== file) break;
        this.view.changed();
        this.#tellEmpty();
        if (part("follow").checked) this.view.toEnd();
        this.search?.go();
        await new Promise((done) => requestAnimationFrame(done));
      }
    } catch {
      // What comes next is read together with this.
    }
    this.isReading = false;
    if (this.file !== file && (this.lengths.get(this.shown) ?? 0) > (this.file?.length ?? 0)) this.#follow();
  }

  #tellEmpty() {
    part("empty").hidden = this.file.lines > 0;
    part("empty").textContent = "This rank has printed nothing yet";
  }

  // --- searching -----------------------------------------------------------------------------------

  #find() {
    this.search?.stop();
    this.search = null;
    this.match = -1;
    const text = part("search").value;
    this.view.mark(text.toLowerCase());
    this.view.chosen = -1;
    if (!text || !this.file) return this.#tellFound();
    this.search = new LogSearch(this.file, text, () => this.#tellFound());
    this.search.go();
    return undefined;
  }

  #tellFound() {
    const { search } = this;
    if (search && this.match < 0 && search.lines.length) this.#jump(1);
    const count = search?.lines.length ?? 0;
    const all = `${count.toLocaleString("en")}${search?.isFull ? "+" : ""}`;
    const place = this.match < 0 ? "" : `${(this.match + 1).toLocaleString("en")} of `;
    part("found").textContent = !search ? "" : count ? place + all : search.isBusy ? "…" : "no match";
    part("previous").disabled = part("next").disabled = !count;
  }

  /** @param {1|-1} direction */
  #jump(direction) {
    if (!this.search?.lines.length) return;
    const from = this.match >= 0 ? this.search.lines[this.match] : -1;
    this.match = this.search.beside(from, direction);
    part("follow").checked = false;
    this.view.toLine(this.search.lines[this.match]);
    this.#tellFound();
  }

  #listen() {
    let timer = 0;
    part("tools").addEventListener("submit", (event) => event.preventDefault());
    part("attempt").addEventListener("change", () => {
      this.isChosen = true;
      this.#open(this.#first(Number(part("attempt").value)));
    });
    part("rank").addEventListener("change", () => {
      this.isChosen = true;
      this.#open(part("rank").value);
    });
    part("failing").addEventListener("click", () => {
      const attempt = Number(part("attempt").value);
      this.show(attempt, this.failing.get(attempt));
    });
    part("follow").addEventListener("change", () => part("follow").checked && this.view.toEnd());
    part("search").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#find(), SEARCH_AFTER_MS);
    });
    part("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#jump(event.shiftKey ? -1 : 1);
    });
    part("next").addEventListener("click", () => this.#jump(1));
    part("previous").addEventListener("click", () => this.#jump(-1));
    onKey("n", () => this.#jump(1));
    onKey("p", () => this.#jump(-1));
    onKey("l", () => {
      document.getElementById("logs").scrollIntoView({ block: "start" });
      part("view").focus({ preventScroll: true });
    });
    onKey("f", () => part("follow").click());
    this.#tellFound();
  }
}

function place(key) {
  const [, rank, stream] = key.split(".");
  return (stream === "log" ? 0 : 1e9) + Number(rank);
}

/** @param {HTMLSelectElement} select @param {[string, string][]} options */
function fill(select, options, chosen) {
  const key = JSON.stringify(options);
  if (select.dataset.options !== key) {
    select.dataset.options = key;
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
  }
  select.value = chosen;
}
