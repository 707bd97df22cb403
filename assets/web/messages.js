// The run: its messages as they arrive, kept as frames.

const parts = Object.fromEntries(
  [...element.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
);

const NEEDS_RUN =
  ["play", "slider", "branch", "keep", "lesson", "copy", "png", "animation", "steps", "page"];
const MAPS = ["latent", "eps_hat", "eps_cond", "eps_uncond", "eps_guide"];

// The one state that every view is drawn from.
const state = {
  run: null, // its "start" message
  next: 0, // place of the message that is to come
  frames: [], // a step each: its message, and that decoded
  index: 0, // the step that is shown
  following: true, // the newest step, until somebody scrubs
  others: [], // runs kept to compare: run and frames of each
  seed: null, // what the form said when this run was first shown
};
const past = new Set(); // runs that were replaced: what still arrives of them is dropped
const stopped = new Set(); // runs that are not to go on

let waiting = false; // for a turn: another run is to come

let inbox = Promise.resolve(); // messages are handled one after another, decoding included

function receive(message) {
  if (message && message.kind) inbox = inbox.then(() => handle(message)).catch(console.error);
}

async function handle(message) {
  if (message.kind === "run") return recall(message.messages);
  if (message.kind === "wait") {
    waiting = true;
    return say(`${message.text} …`);
  }
  if (message.kind === "stop") return stop();
  if (message.kind === "lesson") return showLesson(message.run);
  if (past.has(message.run)) return;
  const known = state.run && state.run.run === message.run;
  const expected = known ? state.next : 0;
  if (message.n > expected) {
    // Gradio merges what arrives in one animation frame, and a hidden tab has none.
    const missed = await ask("missed", { run: message.run, after: expected });
    for (const one of missed || []) await accept(one);
  }
  await accept(message);
}

async function accept(message) {
  const known = state.run && state.run.run === message.run;
  if (known ? message.n < state.next : message.kind !== "start") return;
  if (message.kind === "start") begin(message);
  if (message.kind === "step") await addFrame(message);
  if (message.kind === "end") finish(message);
  state.next = message.n + 1;
}

function finish({ seconds }) {
  state.run.ended = true; // though it may have fewer steps than it was to: a file of a stopped run
  draw();
  const before = state.run.branch ? state.run.branch.index : 0; // steps of the run that it left
  say(`${count(state.frames.length - before)} in ${seconds} s`);
  tell("run");
}

// A new run; one that branches off has the steps before the branch from the run it leaves.
function begin(message) {
  const { run, index } = message.branch || {};
  const left = compared().find((other) => other.run.run === run);
  if (left && left.run.run === state.run.run) keep();
  start(message);
  remember();
  if (!left) {
    drawTiles();
    if ("skip" in message) element.scrollIntoView({ block: "start", behavior: "smooth" });
    return;
  }
  state.frames = left.frames.slice(0, index);
  enable(state.frames.length > 0);
  drawTiles();
  parts.compare.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function start(message) {
  if (state.run) past.add(state.run.run);
  past.delete(message.run);
  waiting = false;
  Object.assign(state, { run: message, frames: [], index: 0, following: true, seed: formSeed() });
  pause();
  enable(false);
  parts.lessons.hidden = true;
  parts.lesson.hidden = !server || Boolean(message.branch || message.picture);
  const [h, w] = message.image_size;
  for (const name of ["x_t", "x0_hat"]) Object.assign(parts[name], { width: w, height: h });
  parts.slider.max = message.noise_variances.length - 1;
  parts.empty.hidden = true;
  parts.prompt.textContent =
    `“${message.prompt}”` + (message.negative ? ` without “${message.negative}”` : "");
  parts.about.textContent = settingsOf(message);
  parts.cut.textContent = message.cut.length
    ? `Too long for the text encoder, not read: “${message.cut.join("” “")}”` : "";
  element.classList.toggle("unguided", message.guidance <= 1);
  say("Drawing …");
  openChart(message);
  openWords(message);
  openBlocks(message);
  for (const name of MAPS) parts[name].width = parts[name].width; // which makes it empty
  drawFilm();
  drawCurve(message.noise_variances, 0);
  parts.readout.textContent = "no step yet";
  parts.slider.value = 0;
  tell("run");
}

async function addFrame(message) {
  if (waiting) say("Drawing …");
  waiting = false;
  state.frames[message.index] = await toFrame(message, state.run);
  if (state.following) state.index = message.index;
  enable(true);
  drawSoon();
}

// A run that was recorded earlier, as a whole.
async function recall(messages) {
  const frames = await Promise.all(
    messages.filter((m) => m.kind === "step").map((m) => toFrame(m, messages[0])),
  );
  start(messages[0]);
  Object.assign(state, { frames, next: messages.length });
  enable(true);
  drawThumbnails();
  drawTiles();
  seek(Math.floor(0.6 * frames.length));
  say(server ? "Recorded earlier: scrub it, or draw your own" : "Replayed from this file");
  tell("run");
}

async function toFrame(message, run) {
  const [x_t, x0_hat] = await Promise.all([message.x_t, message.x0_hat].map(decode));
  const maps = MAPS.filter((name) => message[name]).map((name) => [name, bytes(message[name])]);
  const inside = { words: message.words || run.words, ...readInside(message) };
  return { ...message, message, x_t, x0_hat, ...Object.fromEntries(maps), ...inside };
}

const decode = (base64) => createImageBitmap(new Blob([bytes(base64)], { type: "image/jpeg" }));
const count = (n) => `${n} step${n === 1 ? "" : "s"}`;

function enable(on) {
  for (const name of NEEDS_RUN) parts[name].disabled = !on;
}

let echoing = null;

// Says what happens; for a few seconds at the edge of the window too, if the status is out of it.
function say(text) {
  parts.status.textContent = text;
  const { top, bottom } = parts.status.getBoundingClientRect();
  Object.assign(parts.echo, { textContent: text, hidden: top >= 0 && bottom <= innerHeight });
  clearTimeout(echoing);
  echoing = setTimeout(() => (parts.echo.hidden = true), 4000);
}

// Tells the other pages which run and step are shown: "run" when it is another run, and again when
// it is all there; "step" when the scrubber moved.
function tell(what) {
  const { run, frames, index } = state, t = frames[index] ? frames[index].t : null;
  window.ldm = { ...window.ldm, run, index, t, done: isWhole() };
  document.dispatchEvent(new CustomEvent(`ldm:${what}`, { detail: window.ldm }));
}

// A run that was shown before, as a whole, large again.
function restore({ run, frames }) {
  start(run);
  Object.assign(state, { frames, next: frames.length - (run.branch ? run.branch.index : 0) + 1 });
  enable(frames.length > 0);
  say(`${count(frames.length)}, drawn before`);
  tell("run");
  if (!isWhole()) inbox = inbox.then(() => catchUp(run.run)).catch(console.error);
}

// What the run got while another one was shown.
async function catchUp(run) {
  const missed = await ask("missed", { run, after: state.next });
  for (const message of missed || []) if (state.run.run === run) await accept(message);
}

const isWhole = () => state.frames.length === state.run.noise_variances.length;

function stop() {
  const whole = state.run && isWhole();
  if (whole && !waiting) return;
  waiting = false;
  draw();
  say(state.frames.length && !whole ? `Stopped after ${count(state.frames.length)}` : "Stopped");
  if (!state.run || whole) return;
  past.add(state.run.run);
  stopped.add(state.run.run);
  remember();
}
