// What programs print to colour a terminal, as classes; everything else that commands one is left
// out. Pure.

/** @typedef {{text: string, kind: string}} Piece `kind`: names of classes */

const LONGEST = 6000;
// eslint-disable-next-line no-control-regex -- these are the characters that it is about
const ESCAPE = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * What a line shows at last: a progress bar draws over itself again and again.
 * @param {string} line
 */
export function collapsed(line) {
  if (!line.includes("\r")) return line;
  const states = line.split("\r").filter((state) => state.trim());
  return states.at(-1) ?? "";
}

/**
 * @param {string} line without its end
 * @returns {Piece[]}
 */
export function pieces(line) {
  const text = line.length > LONGEST ? `${line.slice(0, LONGEST)} … ${line.length - LONGEST} more` : line;
  if (!text.includes("\x1b")) return [{ text: clean(text), kind: "" }];
  /** @type {Piece[]} */
  const found = [];
  const style = { bold: false, dim: false, italic: false, underline: false, colour: -1 };
  let last = 0;
  const push = (end) => {
    if (end > last) found.push({ text: clean(text.slice(last, end)), kind: kindOf(style) });
  };
  for (const match of text.matchAll(ESCAPE)) {
    push(match.index);
    last = match.index + match[0].length;
    if (match[2] === "m") apply(style, match[1]);
  }
  push(text.length);
  return found.length ? found : [{ text: "", kind: "" }];
}

/** @param {string} line what it shows, without colours */
export function plain(line) {
  return pieces(line).map((piece) => piece.text).join("");
}

function clean(text) {
  return text.replace(CONTROL, (sign) => (sign === "\x00" || sign === "\x1b" ? "" : "\ufffd"));
}

function apply(style, codes) {
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at];
    if (code === 0) Object.assign(style, { bold: false, dim: false, italic: false, underline: false, colour: -1 });
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 22) style.bold = style.dim = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.underline = false;
    else if (code >= 30 && code <= 37) style.colour = code - 30;
    else if (code >= 90 && code <= 97) style.colour = code - 90 + 8;
    else if (code === 39) style.colour = -1;
    else if (code === 38 || code === 48) {
      // Of 256 colours the first sixteen are known here; others are shown as plain text.
      const isIndexed = numbers[at + 1] === 5;
      if (code === 38) style.colour = isIndexed && numbers[at + 2] < 16 ? numbers[at + 2] : -1;
      at += isIndexed ? 2 : 4;
    }
  }
}

function kindOf(style) {
  const kinds = ["bold", "dim", "italic", "underline"].filter((name) => style[name]);
  if (style.colour >= 0) kinds.push(`ink-${style.colour}`);
  return kinds.map((kind) => `ansi-${kind}`).join(" ");
}

/**
 * The same pieces, cut where a text is found in them; those are marked.
 * @param {Piece[]} all
 * @param {string} wanted in lower case
 * @returns {(Piece & {isFound?: boolean})[]}
 */
export function marked(all, wanted) {
  if (!wanted) return all;
  const line = all.map((piece) => piece.text).join("").toLowerCase();
  const cuts = [];
  for (let at = line.indexOf(wanted); at >= 0; at = line.indexOf(wanted, at + wanted.length)) {
    cuts.push([at, at + wanted.length]);
  }
  if (!cuts.length) return all;
  const found = [];
  let start = 0;
  for (const piece of all) {
    const end = start + piece.text.length;
    let at = start;
    for (const [from, to] of cuts) {
      if (to <= at || from >= end) continue;
      if (from > at) found.push({ ...piece, text: piece.text.slice(at - start, from - start) });
      found.push({ ...piece, text: piece.text.slice(Math.max(from, at) - start, Math.min(to, end) - start), isFound: true });
      at = Math.min(to, end);
    }
    if (at < end) found.push({ ...piece, text: piece.text.slice(at - start) });
    start = end;
  }
  return found;
}
