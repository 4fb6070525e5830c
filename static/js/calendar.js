// The calendar is one stop of the Tab key; inside it, arrows go from day to day and from week to week.

const DAY = 86_400_000;
const calendarDays = () => [...document.querySelectorAll(".calendar-day")];
const dateOf = (day) => Date.parse(day.getAttribute("href").match(/\d{4}-\d{2}-\d{2}/)[0]) / DAY;

function stopAt(index, days) {
  days.forEach((day, number) => day.setAttribute("tabindex", number === index ? 0 : -1));
}

// The day with entries that is a week before or after, or else the nearest beyond it.
function week(index, days, weeks) {
  const dates = days.map(dateOf);
  const wanted = dates[index] + 7 * weeks;
  const found = weeks < 0 ? dates.findLastIndex((date) => date <= wanted) : dates.findIndex((date) => date >= wanted);
  return found === -1 ? (weeks < 0 ? 0 : days.length - 1) : found;
}

const moves = {
  ArrowUp: (index) => index - 1,
  ArrowDown: (index) => index + 1,
  ArrowLeft: (index, days) => week(index, days, -1),
  ArrowRight: (index, days) => week(index, days, 1),
  Home: () => 0,
  End: (index, days) => days.length - 1,
};

document.addEventListener("focusin", (event) => {
  const day = event.target.closest(".calendar-day");
  if (!day) return;
  const days = calendarDays();
  stopAt(days.indexOf(day), days);
});

document.addEventListener("keydown", (event) => {
  const day = event.target.closest(".calendar-day");
  const move = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey ? undefined : moves[event.key];
  if (!day || !move) return;
  event.preventDefault();
  const days = calendarDays();
  days[Math.min(Math.max(move(days.indexOf(day), days), 0), days.length - 1)].focus();
});

// Also when the calendar was drawn anew.
function start() {
  const days = calendarDays();
  if (!days.some((day) => day.hasAttribute("tabindex"))) stopAt(days.length - 1, days);
}

start();
document.addEventListener("htmx:load", start);
