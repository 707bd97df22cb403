// Runs side by side: up to four, all under the one scrubber, matched by their timestep.

const MAX_RUNS = 4;

// The runs that are compared, the one that is shown large first.
function compared() {
  const { run, frames } = state;
  return run ? [{ run, frames }, ...state.others.filter((o) => o.run.run !== run.run)] : [];
}

function keep() {
  if (state.run && !state.others.some((other) => other.run.run === state.run.run)) {
    const { run, frames } = state;
    state.others.push({ run, frames });
  }
  drawTiles();
  remember();
}

// The step of a run whose timestep is nearest to t.
function nearest(frames, t) {
  return frames.reduce((best, f) => (!best || Math.abs(f.t - t) < Math.abs(best.t - t) ? f : best), null);
}

function drawTiles() {
  while (compared().length > MAX_RUNS) state.others.shift();
  const runs = compared();
  parts.compare.hidden = !state.others.length;
  refill(parts.tiles, ...(parts.compare.hidden ? [] : runs.map(tile)));
  drawCompared();
}

function tile(entry, place, runs) {
  const figure = make("figure", { className: "tile" }), canvas = make("canvas");
  const [h, w] = entry.run.image_size;
  Object.assign(canvas, { width: w, height: h });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Guess of the clean picture, run ${place + 1}`);
  const caption = make("figcaption"), words = make("p", { className: "prompt" });
  words.dir = "auto";
  const other = place ? runs[0] : runs[1] || entry; // than which its words may be others
  words.append(...markWords(entry.run.prompt, other.run.prompt));
  if (entry.run.negative) words.append(` without “${entry.run.negative}”`);
  const about = make("p");
  about.textContent = settingsOf(entry.run);
  caption.append(words, about);
  const actions = make("p", { className: "actions" });
  if (place) actions.append(press("Show large", () => show(entry)));
  if (place) actions.append(press("Remove", () => drop(entry)));
  figure.style.setProperty("--line", `var(--run-${place})`);
  figure.append(canvas, caption, actions);
  return figure;
}

function press(text, action) {
  const button = make("button");
  Object.assign(button, { type: "button", textContent: text });
  button.addEventListener("click", action);
  return button;
}

// The words of a prompt; those that the other prompt has not are marked.
function markWords(prompt, other) {
  const known = new Set(other.split(/\s+/));
  return prompt.split(/(\s+)/).map((word) => {
    if (!word.trim() || known.has(word)) return word;
    const mark = make("mark");
    mark.textContent = word;
    return mark;
  });
}

function settingsOf(run) {
  const from = run.branch ? ` · branch at step ${run.branch.index + 1}` : "";
  const painted = run.branch && run.branch.painted ? ", painted" : "";
  const late = run.guidance > 1 && run.guidance_from < run.timesteps[0] ? ` from t ${run.guidance_from}` : "";
  const guided = `guidance ${run.guidance}${late}`;
  const how = `seed ${run.seed} · ${guided} · ${run.sampler_name} · ${count(run.steps)}`;
  const part = run.branch ? " in part" : ""; // up to where it branches off
  const weights = run.foreign ? `,${part} with other weights than those here` : "";
  const picture = run.picture ? ` · from a picture at t ${run.timesteps[0]}` : "";
  return `${how} · ${run.model}${weights}${picture}${from}${painted}`;
}

function show(entry) {
  const shown = state.frames[state.index];
  keep();
  state.others = state.others.filter((other) => other.run.run !== entry.run.run);
  restore(entry);
  remember();
  drawTiles();
  seek(shown ? entry.frames.indexOf(nearest(entry.frames, shown.t)) : 0);
}

function drop(entry) {
  state.others = state.others.filter((other) => other.run.run !== entry.run.run);
  drawTiles();
  remember();
}

// What follows the scrubber: a picture of each run, and the guide line of the curve.
function drawCompared() {
  if (parts.compare.hidden) return;
  const frame = state.frames[state.index];
  if (!frame) return;
  compared().forEach(({ frames }, place) => {
    const match = nearest(frames.filter(Boolean), frame.t);
    const canvas = parts.tiles.children[place].querySelector("canvas");
    if (match) canvas.getContext("2d").drawImage(match.x0_hat, 0, 0);
  });
  drawDistances();
}

// How far the x_t of the other runs are from that of this one: root mean square, in the units of
// the latent, from the maps.
function distances({ frames }) {
  const byTime = new Map(frames.filter(Boolean).map((other) => [other.t, other]));
  return state.frames.flatMap((frame) => {
    const other = byTime.get(frame.t);
    if (!other || other.latent.length !== frame.latent.length) return [];
    return [[frame.index, distance(frame, other) * state.run.map_limit]];
  });
}

const apart = new WeakMap(); // frame -> frame -> their distance, which no scrubbing changes

function distance(frame, other) {
  if (!apart.has(frame)) apart.set(frame, new WeakMap());
  const known = apart.get(frame);
  if (!known.has(other)) {
    const sum = frame.latent.reduce((s, level, i) => s + (level - other.latent[i]) ** 2, 0);
    known.set(other, Math.sqrt(sum / frame.latent.length) / 127.5);
  }
  return known.get(other);
}

function drawDistances() {
  const curves = compared().slice(1).map(distances);
  const high = Math.max(0.1, ...curves.flat().map(([, d]) => d));
  const { context, x, y, style } = axes(parts.apart, state.run.noise_variances.length, high.toFixed(1), "0");
  curves.forEach((curve, place) => {
    const colour = style.getPropertyValue(`--run-${place + 1}`);
    Object.assign(context, { lineWidth: 2, strokeStyle: colour, fillStyle: colour });
    line(context, curve.map(([i, d]) => [x(i), y(d / high)]));
    const parted = curve.findLast(([, d], i) => d < 0.02 && i < curve.length - 1);
    if (parted) dot(context, x(parted[0]), y(0));
  });
  context.strokeStyle = style.getPropertyValue("--guide");
  line(context, [[x(state.index), y(0)], [x(state.index), y(1)]]);
}

parts.keep.addEventListener("click", keep);

// The seed in the form, which comes a moment after the viewer and opens with 0.
const formSeed = () => document.querySelector("#settings [aria-label=Seed]")?.value || "0";

// Goes on from the step that is shown, with what the form says now and the cells painted here. The
// seed stays that of the run, unless it was changed in the form since the run is shown.
parts.branch.addEventListener("click", () => {
  const { run, index } = state;
  pause();
  const own = Object.fromEntries(FIELDS.map((name) => [name, run[name]]));
  const reseed = formSeed() !== state.seed;
  trigger("submit", { run: run.run, index, own, reseed, edits: painted() });
});

// Step 13 of 25 is not a run of 13 steps: both, side by side.
let lesson = null; // the step that is to lie beside a run of as many steps

parts.lesson.addEventListener("click", () => {
  const { run, index, frames } = state, steps = index + 1;
  lesson = { run, steps, frame: frames[index] };
  waiting = true;
  say(`Drawing a run of ${count(steps)} …`);
  trigger("lesson", { run: run.run, steps });
});

async function showLesson(drawn) {
  const { run, steps, frame } = lesson;
  waiting = false;
  const [last] = (await ask("missed", { run: drawn, after: steps })) || []; // after its start
  if (!last || state.run !== run) return;
  const bitmaps = [frame.x_t, frame.x0_hat, await decode(last.x0_hat)];
  ["lesson_x_t", "lesson_x0_hat", "lesson_run"].forEach((name, i) => {
    Object.assign(parts[name], { width: bitmaps[i].width, height: bitmaps[i].height });
    parts[name].getContext("2d").drawImage(bitmaps[i], 0, 0);
  });
  parts.lesson_step.textContent = `step ${steps} of ${state.run.noise_variances.length}`;
  parts.lesson_steps.textContent = count(steps);
  parts.lessons.hidden = false;
  say("Both are below");
}
