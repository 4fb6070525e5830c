// Reports what is watched: which seconds were played that the server has not confirmed, when it pauses, jumps and ends,
// every 15 seconds, and when the page goes away (courses/watching.py says what becomes of a report).
// What cannot be sent stays in this browser, and is sent when the network is back or by the next page with a player.
// After each answer, an event `watched` says what the server knows: {watched: [[start, end], …], percent}.

const EVERY = 15_000; // milliseconds
const SETTLED = 1000; // after a jump, until which there may be another
const NEAR = 0.25; // seconds that may be missing from a whole one
const LATE = 1; // seconds that a browser may take to say that the time has changed

const player = document.getElementById("player");
const { reports: address, session: token, most } = document.querySelector("[data-reports]").dataset;
const unsent = document.getElementById("unsent");
const PREFIX = `watched:${document.body.dataset.person}:`;
const mine = `${PREFIX}${token.split(":").at(-1)}`;
const opened = performance.now();

let played = []; // [start, end] in seconds of the video, as a player counts them; the last is the one that plays
let playing = false; // whether it goes on
let heard = 0; // when the player last said where it is
let stood = player?.currentTime; // where it stood still or jumped to, until it goes on from there
let confirmed = []; // [start, end] in whole seconds
let told = null; // the position that was reported; none before something was played
let refused = false; // for good

// What was played

function listen() {
  player.addEventListener("playing", follow);
  player.addEventListener("timeupdate", follow);
  player.addEventListener("ratechange", follow);
  player.addEventListener("waiting", stop);
  player.addEventListener("seeking", () => {
    playing = false;
    stood = player.currentTime;
  });
  for (const kind of ["pause", "ended"]) {
    player.addEventListener(kind, () => {
      stop();
      report();
    });
  }
  let settling;
  player.addEventListener("seeked", () => {
    clearTimeout(settling);
    settling = setTimeout(report, SETTLED);
  });
}

// The player has come to where it is now, by playing or by a jump.
function follow() {
  if (player.seeking) {
    playing = false;
    return;
  }
  const [time, now] = [player.currentTime, performance.now()];
  const last = played.at(-1);
  const rate = Math.max(player.playbackRate, 1);
  const isNear = (from, late) => from <= time && time - from <= late * rate;
  if (playing && isNear(last[1], (now - heard) / 1000 + LATE)) {
    last[1] = time;
  } else if (!player.paused) {
    played.push([isNear(stood, LATE) ? stood : time, time]);
  }
  stood = player.paused ? time : NaN;
  playing = !player.paused;
  heard = now;
}

function stop() {
  if (playing) {
    follow();
    playing = false;
  }
}

// Ranges: [start, end], apart and in order

// Those that are at most `gap` apart become one.
function merged(ranges, gap = 0) {
  const found = [];
  for (const [start, end] of ranges.toSorted((one, other) => one[0] - other[0])) {
    const last = found.at(-1);
    if (last && start <= last[1] + gap) {
      last[1] = Math.max(last[1], end);
    } else if (start < end) {
      found.push([start, end]);
    }
  }
  return found;
}

function without(ranges, taken) {
  return ranges.flatMap((range) => {
    let [start, end] = range;
    const left = [];
    for (const [from, until] of taken) {
      if (until > start && from < end) {
        left.push([start, from]);
        start = until;
      }
    }
    return [...left, [start, end]].filter(([from, until]) => from < until);
  });
}

// What the server does not know of: whole seconds, with next to nothing missing: a player goes on a little after where
// it said that it paused.
function unconfirmed() {
  const whole = merged(played, NEAR).map(([start, end]) => [Math.ceil(start - NEAR), Math.floor(end + NEAR)]);
  return without(merged(whole), confirmed);
}

// Sending

function storage(act) {
  try {
    return act(localStorage);
  } catch {
    return null; // a browser may refuse to store anything, or be full
  }
}

function compose() {
  const watched = unconfirmed().slice(0, most);
  const position = played.length ? Math.floor(player.currentTime) : null;
  if (refused || (watched.length === 0 && position === told)) {
    return null;
  }
  const body = JSON.stringify({ token, at: Math.round(performance.now() - opened), watched, position });
  storage((store) => store.setItem(mine, JSON.stringify({ address, body })));
  return { position, body };
}

async function report() {
  const made = compose();
  if (made && (await send(mine, address, made.body)) === "taken") {
    told = made.position;
  }
}

// The page goes away, or may do so without a word: nobody waits for the answer.
function leave() {
  const made = compose();
  if (made) {
    navigator.sendBeacon(address, made.body);
  }
}

// Says why what is watched is not known to the server, in the words of its answer if it has any.
async function tell(answer) {
  const { error = unsent.dataset.otherwise } = (await answer?.json().catch(() => null)) ?? {};
  unsent.querySelector("span").textContent = error;
  unsent.hidden = false;
}

// Sends a report that is kept in a place: "taken", "refused" for good, or "kept" to be sent again.
async function send(place, to, body) {
  let answer;
  try {
    answer = await fetch(to, { method: "POST", body, keepalive: true });
  } catch {
    answer = { status: 0 };
  }
  const kept = [0, 401, 408, 429].includes(answer.status) || answer.status >= 500;
  if (kept) {
    await tell(answer.status === 401 ? answer : null);
    return "kept";
  }
  storage((store) => JSON.parse(store.getItem(place))?.body === body && store.removeItem(place));
  if (place === mine) {
    refused = answer.status !== 200;
    if (refused) {
      await tell(answer);
    }
  }
  if (answer.status !== 200) {
    return "refused";
  }
  unsent.hidden = true;
  const detail = await answer.json();
  if (to === address) {
    confirmed = detail.watched;
    document.dispatchEvent(new CustomEvent("watched", { detail }));
  }
  return "taken";
}

async function sendLeft() {
  for (const place of storage((store) => Object.keys(store)) ?? []) {
    if (place.startsWith(PREFIX) && place !== mine) {
      const { address: to, body } = storage((store) => JSON.parse(store.getItem(place))) ?? {};
      if (body && (await send(place, to, body)) === "kept") {
        return;
      }
    }
  }
}

if (player) {
  listen();
  setInterval(() => player.paused || report(), EVERY);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      playing && follow();
      leave();
    }
  });
  window.addEventListener("pagehide", leave);
}
window.addEventListener("online", async () => {
  await sendLeft();
  player && report();
});
sendLeft();
