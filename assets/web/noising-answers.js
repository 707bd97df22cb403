// What the network answers at t, each question with a place of its own.

const asked = () => ({
  file: chosen.picture,
  prompt: parts.prompt.value,
  seed: Number(parts.seed.value),
  t: state.t,
});

// Shows what the server answers to a question, unless the picture has changed meanwhile.
async function answer(name, show, more = {}) {
  if (!chosen) return;
  const picture = chosen;
  const sent = { ...asked(), ...more }, found = await ask(name, sent);
  if (!found || picture !== chosen) return;
  const place = parts[`${name}_answer`];
  place.replaceChildren(...show(found, sent));
  place.hidden = false;
}

function clearAnswers() {
  if (denoising) stopDenoising();
  for (const place of element.querySelectorAll(".results, [data-part=guess_answer]")) {
    place.hidden = true;
    place.replaceChildren();
  }
}

function showGuesses(found, { prompt }) {
  const rows = [["with", `told “${prompt}”`, 0], ["without", "told nothing", 1]];
  const shown = rows.map(([key, words, row]) => {
    const strip = make("div", { className: "guesses" });
    found[key].forEach((picture, k) => {
      const figure = pictureFigure(picture, `t ${found.ts[k]}, off by ${number(found.far[k][row])}`);
      figure.classList.toggle("here", k === found.here);
      strip.append(figure);
    });
    return [make("p", { textContent: words, dir: "auto" }), strip];
  });
  const words = note(
    "Framed: this t. Each is one pass through the network, decoded; off by: root mean square of " +
    "its latent’s difference from the picture’s own. The more noise, the more pictures " +
    "would fit, and the guess becomes their mean, or whatever the words say.",
  );
  return [...shown.flat(), words];
}

function showStep(found) {
  const shape = state.noised.latent_shape, [far, near, apart] = found.rms;
  const before = found.t ? `x at t ${found.t - 1}` : "x₀";
  return [
    pictureFigure(found.mean_true, `${before}, true mean, decoded`),
    pictureFigure(found.mean_found, `${before}, the network’s mean, decoded`),
    mapFigure(found.step_true, shape, found.limit, "the true step: that mean − the latent now"),
    mapFigure(found.step_found, shape, found.limit, "the network’s step"),
    note(
      `From t ${found.t}. Length of the true step: ${number(far)}; of the network’s: ` +
      `${number(near)}; their ends are ${number(apart)} apart (root mean square, true noise has 1). ` +
      `The sampler DDPM then adds noise of standard deviation ${number(found.std)}: which x it comes to is chance, ` +
      "its mean is not.",
    ),
  ];
}

function showWalk(found) {
  const n = `${found.steps.toLocaleString("en")} step${found.steps === 1 ? "" : "s"}`;
  return [
    pictureFigure(found.walked, `walked: ${n}, decoded`),
    pictureFigure(found.jumped, "jumped: one formula, decoded"),
    note(
      "Walk: each step keeps √(1 − β) of what is there and adds √β of fresh noise. Jump: the same " +
      "noise, summed with the weights that the walk gives it, and mixed in at once. The two latents " +
      `differ by ${number(found.apart)} at most: rounding. ` +
      "So training can jump to any t without walking there.",
    ),
  ];
}

const TARGETS = { epsilon: "ε", sample: "x₀", v_prediction: "v = √ᾱ ε − √(1 − ᾱ) x₀" };

function showExample(found) {
  const shape = state.noised.latent_shape, { map_limit } = state.noised;
  return [
    pictureFigure(found.x0, "x₀: the latent of the picture, decoded"),
    pictureFigure(found.x_t, `noised to a random t, here ${found.t}: what the network is given`),
    mapFigure(found.eps, shape, map_limit, "ε: the noise that was drawn"),
    mapFigure(found.target, shape, map_limit, `the target: ${TARGETS[found.kind]}`),
    mapFigure(found.output, shape, map_limit, "what the network answers"),
    mapFigure(found.apart, shape, found.apart_limit, "answer − target"),
    note(
      `Mean squared error ${number(found.error)}, times the weight of this t, ` +
      `${number(found.weight)} (min-SNR: levels with little noise count less): loss ${number(found.loss)}. Training changes the weights ` +
      "a little to make it smaller, and takes the next example. Press again for another t.",
    ),
  ];
}

let attempt = 0;
const MAX_RESULTS = 8;
let denoising = null; // the figure of the run that is under way, the last attempt

// Starts the reverse process from here; its pictures arrive as messages.
function denoise() {
  if (!chosen) return;
  if (!parts.prompt.value.trim()) return say("Type what the picture should show.");
  if (!parts.seed.reportValidity()) return;
  attempt += 1;
  const place = parts.denoise_answer;
  if (!place.childElementCount) place.append(pictureFigure(chosen.picture, "the picture"));
  const figure = pictureFigure("", `t ${state.t}, “${parts.prompt.value}”`);
  figure.querySelector("figcaption").dir = "auto";
  place.append(figure);
  if (place.childElementCount > MAX_RESULTS) place.children[1].remove();
  place.hidden = false;
  setDenoising(figure);
  trigger("submit", { asked: asked(), attempt });
}

function setDenoising(figure) {
  denoising = figure;
  parts.denoise.disabled = Boolean(figure);
  parts.stop.disabled = !figure;
}

// Ends the run after the step under way; what it has drawn stays.
function stopDenoising() {
  const { t } = denoising.dataset;
  if (t) denoising.lastChild.append(`, stopped at t ${t}`);
  else denoising.remove();
  setDenoising(null);
  trigger("halt");
  say("Stopped");
}

let inbox = Promise.resolve(); // messages are handled one after another, decoding included

function receive(message) {
  inbox = inbox.then(() => handle(message)).catch(console.error);
}

async function handle(message) {
  const figure = denoising;
  if (!figure || !message || message.attempt !== attempt) return;
  if (message.kind === "wait") say(`${message.text} …`);
  if (message.from_t !== undefined) { // one of the run's own timesteps
    const [canvas, caption] = figure.children;
    canvas.ariaLabel = caption.textContent = `from t ${message.from_t}, “${message.prompt}”`;
  }
  if (message.kind === "step") {
    const bitmap = await decode(message.x0_hat);
    if (figure !== denoising) return;
    figure.dataset.t = message.t;
    drawBitmap(figure.querySelector("canvas"), bitmap);
    say(`Denoising, t ${message.t}`);
  }
  if (message.kind === "end") {
    setDenoising(null);
    const last = await ask("picture", { run: message.run }); // the last step may have been merged away
    if (last) drawBitmap(figure.querySelector("canvas"), await decode(last.picture));
  }
  if (message.kind === "stop") {
    setDenoising(null);
    figure.remove();
    say("");
  }
}

// Draws the loss, weighted and not, over t; as wide as the curves of the schedules are.
function drawLoss(points) {
  const [left, right] = state.compare.span.map((share) => 400 * share);
  const top = 1.05 * Math.max(...points.map((point) => Math.max(point.error, point.loss)));
  const place = (point, key) =>
    `${left + ((right - left) * point.t) / (state.T - 1)},${180 - (170 * point[key]) / top}`;
  const lines = ["error", "loss"].map((key, k) =>
    `<polyline class="curve-${k}" points="${points.map((point) => place(point, key)).join(" ")}"/>` +
    `<text class="curve-${k}" x="${[left, right][k]}" y="216" text-anchor="${["start", "end"][k]}">` +
    `${["mean squared error", "loss: weighted (min-SNR)"][k]}</text>`);
  const marks = [[0, "0"], [top / 2, number(top / 2)], [top, number(top)]].map(([y, text]) =>
    `<text x="${left - 6}" y="${184 - (170 * y) / top}" text-anchor="end">${text}</text>`);
  const ends = [0, (state.T - 1) / 2, state.T - 1].map((t) =>
    `<text x="${left + ((right - left) * t) / (state.T - 1)}" y="198" text-anchor="middle">${Math.round(t)}</text>`);
  parts.measure_answer.innerHTML =
    `<svg viewBox="0 0 400 222"><path d="M${left} 10V180H${right}"/>${lines.join("")}` +
    `${marks.join("")}${ends.join("")}</svg><div class="guide"></div>`;
  parts.measure_answer.hidden = false;
  draw();
}

let measuring = null; // the measurement that is under way
const N_TIMES = 21;

// Measures the loss at some t, one after another, until it is pressed again.
async function measure() {
  const mine = (measuring = measuring ? null : {});
  parts.measure.textContent = measuring ? "Stop measuring" : "Measure the loss again";
  const points = [];
  for (let k = 0; mine && k < N_TIMES; k++) {
    const point = await ask("measure", { t: Math.round((k * (state.T - 1)) / (N_TIMES - 1)) });
    if (!point || measuring !== mine) break;
    points.push(point);
    parts.measured.textContent = `${k + 1} of ${N_TIMES} timesteps, ${point.n} held-out pictures at each`;
    drawLoss(points);
  }
  if (measuring !== mine) return;
  measuring = null;
  parts.measure.textContent = "Measure the loss again";
}
