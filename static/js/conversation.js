// After an event `said`: what the server tells of a day beside what it sends, and the keyboard's place.

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
    place.focus({ preventScroll: true });
  }
});
