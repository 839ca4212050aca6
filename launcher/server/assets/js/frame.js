// What every page starts.

import { get } from "./act.js";
import { startKeys } from "./keys.js";
import { startMorph } from "./morph.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./time.js";

startTheme();
startTimes();
startKeys();
startMorph();

// A browser that came by a link on another site did not send the session's cookie with the page,
// but does with what the page asks: such a page is fetched anew, as one that may act.
if (document.body.dataset.mayAct === "no" && document.getElementById("help-button")) {
  get("/visitor")
    .then((visitor) => visitor.may_act && location.replace(location.href))
    .catch(() => undefined);
}
