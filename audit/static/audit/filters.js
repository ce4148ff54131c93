// Opens the filters where there is room for them beside the events; on a phone they would stand before the first one.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const wide = window.matchMedia("(min-width: 75rem)"); // as in audit.css
  if (wide.matches) document.querySelector(".audit-filters").open = true;
});
