// The button for light and dark. Charts hear of it by the event `launcher:theme`.

const KEY = "launcher-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"light" | "dark"} what is shown now */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return dark.matches ? "dark" : "light";
}

/**
 * The value of a custom property as it is now, as `color("--series-1")`.
 * @param {string} name
 */
export function color(name) {
  // light-dark() is resolved only where a property uses it.
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function toggle() {
  const next = theme() === "dark" ? "light" : "dark";
  const root = document.documentElement;
  // What the system says anyway is not kept: the page follows it again.
  if ((next === "dark") === dark.matches) delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (root.dataset.theme) localStorage.setItem(KEY, next);
    else localStorage.removeItem(KEY);
  } catch {
    // No storage here: it lasts as long as the page.
  }
  tell();
}

function tell() {
  dispatchEvent(new CustomEvent("launcher:theme", { detail: theme() }));
}

export function startTheme() {
  document.getElementById("theme-button")?.addEventListener("click", toggle);
  dark.addEventListener("change", tell);
}
