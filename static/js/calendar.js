// The calendar is one stop of the Tab key; inside it, arrows go from day to day and from week to week.

const DAY = 86_400_000;
let days = [];
let dates = [];

function stopAt(index) {
  days.forEach((day, number) => day.setAttribute("tabindex", number === index ? 0 : -1));
}

// The day with entries that is a week before or after, or else the nearest beyond it.
function week(index, weeks) {
  const wanted = dates[index] + 7 * weeks;
  const found = weeks < 0 ? dates.findLastIndex((date) => date <= wanted) : dates.findIndex((date) => date >= wanted);
  return found === -1 ? (weeks < 0 ? 0 : days.length - 1) : found;
}

const moves = {
  ArrowUp: (index) => index - 1,
  ArrowDown: (index) => index + 1,
  ArrowLeft: (index) => week(index, -1),
  ArrowRight: (index) => week(index, 1),
  Home: () => 0,
  End: () => days.length - 1,
};

function begin() {
  days = [...document.querySelectorAll(".calendar-day")];
  dates = days.map((day) => Date.parse(day.getAttribute("href").match(/\d{4}-\d{2}-\d{2}/)[0]) / DAY);
  days.forEach((day, index) => {
    day.addEventListener("focus", () => stopAt(index));
    day.addEventListener("keydown", (event) => {
      const move = event.altKey || event.ctrlKey || event.metaKey ? undefined : moves[event.key];
      if (!move) return;
      event.preventDefault();
      days[Math.min(Math.max(move(index), 0), days.length - 1)].focus();
    });
  });
  stopAt(days.length - 1);
}

// It is drawn anew when something was said.
document.addEventListener("htmx:load", ({ detail: { elt } }) => elt.matches(".calendar") && begin());
begin();
