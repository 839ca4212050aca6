// How a part of a page is replaced by a newer one: only what differs is touched, so that focus,
// selection, scroll and what a script drew stay. In templates: hx-swap="morph" (all of the target)
// or "morph:inner" (what is in it). An element with data-keep stays as it is on the page.

/* global htmx, Idiomorph */

const callbacks = {
  /** @param {Node} old */
  beforeNodeMorphed: (old) => !(old instanceof Element && old.hasAttribute("data-keep")),
  /** @param {string} name @param {Element} element */
  beforeAttributeUpdated: (name, element) => {
    // What the reader chose lives on the page alone.
    if (name === "data-here" || name === "open") return false;
    return !(name === "checked" && element.matches("input[type=checkbox]"));
  },
};

/**
 * @param {Element} target
 * @param {string | Node | NodeListOf<ChildNode>} content
 * @param {"outerHTML" | "innerHTML"} morphStyle
 */
export function morph(target, content, morphStyle = "outerHTML") {
  const nodes = Idiomorph.morph(target, content, { morphStyle, ignoreActiveValue: true, callbacks });
  dispatchEvent(new CustomEvent("launcher:morphed", { detail: target }));
  return nodes;
}

export function startMorph() {
  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => {
      if (style !== "morph" && style !== "morph:inner") return false;
      return morph(target, fragment.children.length ? fragment.children : fragment.childNodes,
        style === "morph" ? "outerHTML" : "innerHTML");
    },
  });
}
