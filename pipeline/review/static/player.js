// The player on the page of a call: the sound, its picture with marks, and the transcript that
// follows. Everything that can be heard is a link with data-at (seconds) on the page; those of
// measures say with data-mark what they are, those of the score card are evidence.

const JUMP_S = 5;
const LONG_JUMP_S = 10;
const AGAIN_S = 1; // so shortly after a mark, "previous" means the one before it
const LINGER_S = 0.3; // a word stays lit so long, so that short pauses do not flicker
const SAME_S = 0.05; // marks so close are one moment
const QUOTE = 90; // characters of a quote in the line under the player
const KEPT_CHOICE = "callscore-player-keys";
const LANES = [["competitive", "overlap"], ["hold", "silence"], ["raised"], ["evidence"], ["found"]];

const root = document.querySelector("[data-player]");
const part = (selector) => root.querySelector(selector);
const audio = part("audio");
const [surface, lanes, cursor, stretch] = [".surface", ".lanes", ".cursor", ".stretch"].map(part);
const scroller = document.querySelector(".scroller");
const transcript = document.querySelector(".transcript");
const duration = () => (Number.isFinite(audio.duration) ? audio.duration : length);
const still = matchMedia("(prefers-reduced-motion: reduce)");

let length = Number(root.dataset.duration) || 0;
let wanted = 0; // where to begin, until the browser has the sound
let gone = false;
let marks = [];
let lit = [];
let current = null;

const turns = [...transcript.querySelectorAll(".turn")].map((turn) => ({
  element: turn,
  role: ["agent", "customer"].find((role) => turn.classList.contains(role)) ?? "other",
  start: turn.dataset.start === undefined ? NaN : Number(turn.dataset.start),
  end: Number(turn.dataset.end),
  words: [...turn.querySelectorAll(".w[data-start]")].map((word) => ({
    element: word,
    start: Number(word.dataset.start),
    end: Number(word.dataset.end),
  })),
}));

const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const share = (s) => `${Math.min(100, Math.max(0, (100 * s) / (duration() || 1)))}%`;
const say = (text) => { part("[data-state]").textContent = text; };
const make = (name, className, parent) => {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
};

// Playing

const position = () => (audio.readyState > 0 ? audio.currentTime : wanted);

function seek(to, until) {
  wanted = Math.min(Math.max(0, to), duration() || to);
  if (audio.readyState > 0) audio.currentTime = wanted;
  stretch.hidden = !(until > to);
  stretch.style.left = share(to);
  stretch.style.width = `calc(${share(until)} - ${share(to)})`;
  show(wanted, true);
}

async function play() {
  if (gone) return;
  try {
    await audio.play();
  } catch (error) {
    if (error.name === "NotAllowedError") say(`Press Play to hear it from ${clock(position())}.`);
    else if (error.name !== "AbortError") say("This browser cannot play the sound.");
  }
}

function hear(from, until) {
  seek(from, until);
  play();
}

function toMark(step) {
  const now = position();
  const mark = step > 0
    ? marks.find((one) => one.at > now + SAME_S)
    : marks.findLast((one) => one.at < now - (audio.paused ? SAME_S : AGAIN_S));
  if (!mark) return say(step > 0 ? "No further mark." : "No mark before.");
  hear(mark.at, mark.until);
  const here = marks.filter((one) => Math.abs(one.at - mark.at) < SAME_S).map((one) => one.text);
  say(`${clock(mark.at)} ${here.join(" ")}`);
}

function changeSpeed(step) {
  const choice = part("[data-speed]");
  choice.selectedIndex = Math.min(choice.length - 1, Math.max(0, choice.selectedIndex + step));
  audio.playbackRate = Number(choice.value);
  say(`Speed ${choice.value} ×`);
}

const toggle = () => (audio.paused ? play() : audio.pause());
const move = (by) => () => seek(position() + by);
const ACTIONS = {
  toggle, back: move(-JUMP_S), on: move(JUMP_S), previous: () => toMark(-1), next: () => toMark(1),
};
const KEYS = {
  " ": toggle, k: toggle, ArrowLeft: ACTIONS.back, ArrowRight: ACTIONS.on,
  j: move(-LONG_JUMP_S), l: move(LONG_JUMP_S), ",": ACTIONS.previous, ".": ACTIONS.next,
  "<": () => changeSpeed(-1), ">": () => changeSpeed(1),
};
const SURFACE_KEYS = {
  ArrowDown: ACTIONS.back, ArrowUp: ACTIONS.on, Home: () => seek(0), End: () => seek(duration()),
};

function onKey(event) {
  if (gone || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target;
  const onSurface = at === surface;
  if (!onSurface && !part("[data-keys]").checked) return;
  if (at.matches("input:not([type=checkbox]), select, textarea")) return;
  if (event.key === " " && at.matches("button, summary, input")) return; // Space is theirs
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = KEYS[key] ?? (onSurface ? SURFACE_KEYS[key] : undefined);
  if (!action) return;
  event.preventDefault();
  action();
}

// What is shown at a moment

function show(now, jumped = false) {
  cursor.style.left = share(now);
  const text = `${clock(now)} of ${clock(duration())}`;
  if (part("[data-time]").textContent !== text) {
    part("[data-time]").textContent = text;
    surface.setAttribute("aria-valuenow", Math.floor(now));
    surface.setAttribute("aria-valuemax", Math.floor(duration()));
    surface.setAttribute("aria-valuetext", text);
  }
  const active = turns.filter((turn) => turn.start <= now && now < turn.end + LINGER_S);
  const words = active.map((turn) => turn.words.findLast((word) => word.start <= now))
    .filter((word) => word && now < word.end + LINGER_S).map((word) => word.element);
  lit.filter((word) => !words.includes(word)).forEach((word) => word.classList.remove("now"));
  words.forEach((word) => word.classList.add("now"));
  lit = words;
  const turn = active.at(-1)?.element ?? current;
  if (turn === current && !jumped) return;
  const before = current;
  current?.classList.remove("current");
  current?.removeAttribute("aria-current");
  turn?.classList.add("current");
  turn?.setAttribute("aria-current", "true");
  current = turn;
  if (turn) follow(turn, before, jumped);
}

// The transcript follows only who watches it: not one who has scrolled away from the turn before.
function follow(turn, before, jumped) {
  const boxed = scroller.scrollHeight > scroller.clientHeight + 1
    && getComputedStyle(scroller).overflowY === "auto";
  const box = scroller.getBoundingClientRect();
  const top = boxed ? box.top : root.getBoundingClientRect().bottom;
  const bottom = boxed ? box.bottom : innerHeight;
  const seen = (element) => {
    const { top: from, bottom: to } = element.getBoundingClientRect();
    return to > top && from < bottom;
  };
  const watched = before ? seen(before) : boxed || seen(transcript);
  if (!(watched || (jumped && (boxed || seen(transcript))))) return;
  const place = turn.getBoundingClientRect();
  if (place.top >= top && place.bottom <= top + 0.75 * (bottom - top)) return;
  const by = place.top - top - 0.25 * (bottom - top);
  (boxed ? scroller : window).scrollBy({ top: by, behavior: still.matches ? "instant" : "smooth" });
}

function tick() {
  show(position());
  if (!audio.paused) requestAnimationFrame(tick);
}

// The picture

const roleAt = (second) => turns.findLast((t) => t.start <= second && second < t.end)?.role;

// One area from peak to peak; on one channel the agent is above the line and the customer below.
function area(peaks, from, to, up, down) {
  const above = [];
  const below = [];
  for (let i = from; i < to; i += 1) {
    above.push(`${i} ${1 - up * peaks[i]}L${i + 1} ${1 - up * peaks[i]}`);
    below.unshift(`${i + 1} ${1 + down * peaks[i]}L${i} ${1 + down * peaks[i]}`);
  }
  return `M${above.join("L")}L${below.join("L")}Z`;
}

function drawSound({ channels, step_s: step }) {
  const loudest = Math.max(20, ...channels.flatMap((channel) => channel.peaks));
  surface.replaceChildren();
  for (const { role, peaks: heights } of channels) {
    const peaks = heights.map((height) => (height / loudest) ** 0.7); // soft speech shows too
    const channel = make("div", "channel", surface);
    make("span", "", channel).textContent = role ?? "agent ↑ customer ↓";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${(duration() || peaks.length * step) / step} 2`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (let from = 0, to; from < peaks.length; from = to) {
      const whose = role ?? roleAt((from + 0.5) * step);
      to = from + 1;
      while (to < peaks.length && (role || roleAt((to + 0.5) * step) === whose)) to += 1;
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", whose ?? "");
      const both = role || (whose !== "agent" && whose !== "customer");
      path.setAttribute("d", area(peaks, from, to, both || whose === "agent" ? 1 : 0.05,
        both || whose === "customer" ? 1 : 0.05));
      svg.append(path);
    }
    channel.append(svg);
  }
}

function collectMarks() {
  const plain = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const one = (link, kind, text) => ({
    kind, text, by: link.dataset.by ?? "", at: Number(link.dataset.at),
    until: Number(link.dataset.until) || Number(link.dataset.at),
  });
  const measured = [...scroller.querySelectorAll("[data-mark]:not([data-mark=''])")].map((link) =>
    one(link, link.dataset.mark, plain(link.parentElement).replace(/^\d+:\d+ /, "")));
  const evidence = new Map(); // one mark for all that rests on the same moment
  for (const link of document.querySelectorAll(".right .card a[data-at]")) {
    const name = plain(link.closest(".card").querySelector("h3, b"));
    const said = plain(link.parentElement).replace(/^\d+:\d+ /, "").replace(/ \([^()]*\)$/, "");
    const mark = evidence.get(link.dataset.at) ?? one(link, "evidence", "");
    mark.names = [...new Set([...(mark.names ?? []), name])];
    mark.text = `${mark.names.join(", ")} – ${said.length > QUOTE ? `${said.slice(0, QUOTE)} …` : said}`;
    evidence.set(link.dataset.at, mark);
  }
  const found = [...transcript.querySelectorAll("[data-start] mark")].map((word) => word.parentElement)
    .map((word) => ({
      kind: "found", by: "", text: `“${plain(word)}”`,
      at: Number(word.dataset.start), until: Number(word.dataset.end),
    })).filter((mark) => Number.isFinite(mark.at));
  return [...measured, ...evidence.values(), ...found].sort((a, b) => a.at - b.at);
}

function drawMarks() {
  lanes.replaceChildren();
  for (const kinds of LANES) {
    const here = marks.filter((mark) => kinds.includes(mark.kind));
    if (here.length === 0) continue;
    const lane = make("div", "lane", lanes);
    for (const mark of here) {
      const drawn = make("span", `mark ${mark.kind} ${mark.by}`, lane);
      drawn.title = `${clock(mark.at)} ${mark.text}`;
      drawn.style.left = share(mark.at);
      if (mark.kind === "evidence") drawn.textContent = "◆";
      else drawn.style.width = `calc(${share(mark.until)} - ${share(mark.at)})`;
      if (mark.kind === "competitive") drawn.textContent = mark.by[0]?.toUpperCase() ?? "";
      if (mark.kind === "raised") drawn.textContent = "!";
      drawn.addEventListener("click", (event) => {
        event.stopPropagation();
        hear(mark.at, mark.until);
        say(drawn.title);
      });
    }
  }
  const there = new Set([...marks.flatMap(({ kind, by }) => [kind, `${kind}-${by}`]), "agent", "customer"]);
  for (const entry of root.querySelectorAll(".legend li")) entry.hidden = !there.has(entry.dataset.kind);
}

// Words that were searched for

function markFound(query) {
  const bare = (text) => text.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
  const stem = (word) => (word.length > 4 ? word.replace(/(ing|ed|es|ly|s|e)$/, "") : word.replace(/s$/, ""));
  const words = [...transcript.querySelectorAll(".w")];
  const stems = words.map((word) => stem(bare(word.textContent)));
  for (const [, phrase, single] of query.matchAll(/"([^"]+)"|(\S+)/g)) {
    const term = (phrase ?? single).split(/\s+/).map(bare).filter(Boolean).map(stem);
    stems.forEach((_, at) => {
      if (term.length === 0 || !term.every((one, i) => stems[at + i] === one)) return;
      for (const word of words.slice(at, at + term.length)) {
        if (word.querySelector("mark")) continue;
        const mark = document.createElement("mark");
        mark.append(...word.childNodes);
        word.append(mark);
      }
    });
  }
}

// Putting it together

function fail(message) {
  gone = true;
  audio.remove();
  part(".deck").hidden = true;
  root.classList.add("gone");
  transcript.classList.remove("sounding");
  say(message);
}

async function fetchSound() {
  say("Preparing the recording …");
  let answer;
  let content;
  try {
    answer = await fetch(`/api/calls/${root.dataset.call}/waveform`);
    content = await answer.json();
  } catch {
    return fail("The recording could not be fetched; reload the page.");
  }
  if (!answer.ok) return fail(String(content.detail));
  length = content.duration_s;
  drawSound(content);
  drawMarks();
  show(position());
  if (part("[data-state]").textContent.startsWith("Preparing")) say("");
  const unjudged = content.voices_not_judged.map((role) => `the ${role}’s`).join(" and ");
  const note = document.querySelector("[data-not-judged]");
  if (unjudged && note) {
    note.hidden = false;
    note.textContent = `Cannot be told of ${unjudged} voice: too little calm speech, or overdriven.`;
  }
}

function fromAddress() {
  const asked = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (asked) hear(Number(asked[1]));
  return asked !== null;
}

function listen() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.getAttribute("href"));
    hear(Number(link.dataset.at), Number(link.dataset.until));
  });
  transcript.addEventListener("click", (event) => {
    const word = event.target.closest(".w[data-start]");
    if (word && getSelection().isCollapsed) hear(Number(word.dataset.start));
  });
  document.addEventListener("keydown", onKey);
  part(".controls").addEventListener("click", (event) => ACTIONS[event.target.dataset.do]?.());
  part("[data-speed]").addEventListener("change", () => changeSpeed(0));
  const point = (event) => {
    const box = surface.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * duration();
  };
  part(".wave").addEventListener("click", (event) => hear(point(event)));
  surface.addEventListener("pointermove", (event) => {
    if (event.buttons === 1) seek(point(event));
  });
  audio.addEventListener("loadedmetadata", () => {
    audio.currentTime = wanted;
    audio.playbackRate = Number(part("[data-speed]").value);
  });
  audio.addEventListener("play", () => requestAnimationFrame(tick));
  audio.addEventListener("timeupdate", () => show(position())); // also where nothing is painted
  for (const change of ["play", "pause", "ended"]) {
    audio.addEventListener(change, () => {
      part("[data-do=toggle]").textContent = audio.paused ? "Play" : "Pause";
    });
  }
  audio.addEventListener("error", () => !gone && say("The sound could not be fetched; reload the page."));
  addEventListener("hashchange", fromAddress);
  const choice = part("[data-keys]");
  try {
    choice.checked = localStorage.getItem(KEPT_CHOICE) !== "off";
    choice.addEventListener("change", () => localStorage.setItem(KEPT_CHOICE, choice.checked ? "on" : "off"));
  } catch {
    // Without storage the choice holds for this page.
  }
}

audio.controls = false;
part(".deck").hidden = false;
transcript.classList.add("sounding");
if (root.dataset.q) markFound(root.dataset.q);
marks = collectMarks();
drawMarks();
listen();
if (!fromAddress()) {
  show(0);
  const first = transcript.querySelector("mark")?.closest(".turn");
  if (first) follow(first, null, true);
}
fetchSound();
