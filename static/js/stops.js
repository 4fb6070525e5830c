// Quizzes that stand in a video: where one is, the video stops once, and the quiz takes its place under it.
// Each is a link [data-stops-at="second"]; [data-holds]: there is no way past it before it is handed in.
// Without this file the links lead to the quizzes.

const player = document.getElementById("player"); // null: the video itself is not here
const section = document.getElementById("stop");
const PAST = 0.5; // seconds; a jump to a quiz's second is none past it

const stops = [...document.querySelectorAll("[data-stops-at]")].map((link) => ({
  link,
  second: Number(link.dataset.stopsAt),
  holds: "holds" in link.dataset,
  quiz: link.dataset.quiz,
}));
let before = 0; // where the player was
let open = null; // the stop that is shown

async function stopAt(stop) {
  player.pause();
  if (document.fullscreenElement) {
    await document.exitFullscreen();
  } else if (player.webkitDisplayingFullscreen) {
    player.webkitExitFullscreen(); // an iPhone's own, of which the document does not know
  }
  show(stop);
}

function show(stop) {
  if (open === stop) {
    return;
  }
  open = stop;
  const title = document.getElementById("stop-title");
  title.textContent = stop.link.textContent;
  section.hidden = false;
  settle();
  title.focus({ preventScroll: true });
  section.scrollIntoView({ block: "nearest" });
  htmx.ajax("GET", stop.link.getAttribute("href"), { target: "#quiz-slot", swap: "outerHTML" });
}

function settle() {
  section.querySelector("[data-held]").hidden = !open.holds;
  section.querySelector("[data-watch-on]").hidden = open.holds;
}

function close() {
  stops.splice(stops.indexOf(open), 1);
  open = null;
  section.hidden = true;
  const slot = document.createElement("div");
  slot.id = "quiz-slot";
  document.getElementById("quiz-slot").replaceWith(slot);
}

function look() {
  const now = player.currentTime;
  const held = stops.find((stop) => stop.holds && now > stop.second + PAST);
  if (held) {
    player.currentTime = held.second;
    stopAt(held);
  } else if (!player.paused && !player.seeking) {
    const reached = stops.find((stop) => stop !== open && before <= stop.second && now >= stop.second);
    if (reached) {
      stopAt(reached);
    }
  }
  before = now;
}

if (player && stops.length) {
  player.addEventListener("timeupdate", look);
  player.addEventListener("seeking", look);
  // Whoever plays on has decided.
  player.addEventListener("play", () => {
    if (open?.holds && player.currentTime >= open.second - PAST) {
      player.pause();
    } else if (open && !open.holds) {
      close();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-stops-at]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      const stop = stops.find((each) => each.link === link);
      if (stop) {
        event.preventDefault();
        player.currentTime = stop.second;
        stopAt(stop);
      }
    }
    if (event.target.closest("[data-watch-on]")) {
      close();
      player.focus();
      player.play();
    }
  });
  document.addEventListener("quiz-marked", ({ detail }) => {
    const marked = stops.find((stop) => stop.quiz === detail.quiz);
    if (marked) {
      marked.holds = false;
      marked.link.parentElement.remove();
      open && settle();
    }
  });
}
