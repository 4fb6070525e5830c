// After an event `said`: what the server tells of a day beside what it sends, and the keyboard's place: at what was
// said, unless somebody has gone on elsewhere while it was under way.

let stayed = false; // where it was sent from

document.addEventListener("htmx:beforeSwap", ({ detail: { requestConfig } }) => {
  stayed = requestConfig.elt.contains(document.activeElement);
});

document.addEventListener("said", ({ detail }) => {
  document.getElementById("status").textContent = detail.status;
  for (const name of ["sentence", "total"]) {
    for (const element of document.querySelectorAll(`[data-${name}="${detail.date}"]`)) {
      element.textContent = detail[name];
    }
  }
  const place = detail.entry && document.getElementById(detail.entry);
  if (place) {
    place.tabIndex = -1;
    if (stayed || document.activeElement === document.body) {
      place.focus({ preventScroll: true });
    }
  }
});
