// The words of what the pointer or the focus is on in a timeline.

const words = () => document.getElementById("timeline-words");

function tell(event) {
  const place = words();
  const told = event.target instanceof Element && event.target.closest("[data-words]");
  if (place) place.textContent = told ? told.getAttribute("data-words") : "";
}

/** Of all timelines that the page ever has: their parts come and go. */
export function startTimelines() {
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, tell);
}
