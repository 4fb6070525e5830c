// Days and times are New York's; where the reader's clock shows another time, a <time> says theirs on hover.

const format = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

function tell(root) {
  for (const time of root.querySelectorAll("time[datetime*='T']:not([title])")) {
    const offset = /([+-])(\d\d):(\d\d)$/.exec(time.dateTime);
    const moment = new Date(time.dateTime);
    if (!offset || Number.isNaN(moment.getTime())) continue;
    const minutes = Number(`${offset[1]}1`) * (Number(offset[2]) * 60 + Number(offset[3]));
    if (minutes !== -moment.getTimezoneOffset()) time.title = `${format.format(moment)} where you are`;
  }
}

tell(document);
document.addEventListener("htmx:load", (event) => tell(event.target.parentNode ?? event.target));
