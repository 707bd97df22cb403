// Diffusion on the codes: 500 points from data to noise and back, under one scrubber.

const BOX = [-3, -3, -3, 3, 3, 3];
const cloud = new Scatter(parts.field_flow, { label: "500 codes as noise is added and taken away" });
cloud.axes = AXES;
const hint = document.createElement("canvas"); // the picture of the point under the pointer
const flow = { film: null, asked: null, points: 0, frame: 0, seed: 1, hovered: null };

function startFlow() {
  parts.by.options[0].disabled = true;
  parts.by.value = "exact";
  askFlow();
}

function forgetFlow() {
  pauseFlow();
  flow.film = flow.asked = null;
  parts.learning.textContent = parts.landed.textContent = "";
  parts.denoiser_loss.parentNode.hidden = true;
}

function showLearning({ loss, step }, done) {
  parts.denoiser_loss.parentNode.hidden = false;
  drawLoss(parts.denoiser_loss, loss, 100, [0.5, 1], false);
  if (!done || !step) return;
  parts.by.options[0].disabled = false;
  parts.by.value = "network";
  askFlow();
}

async function askFlow() {
  const asked = (flow.asked = {
    toy: toy.id, by: parts.by.value, seed: flow.seed,
    family: Number(parts.wanted.value), guidance: Number(parts.guidance.value),
  });
  const answer = await fetchAnswer("flow", asked, parts.landed);
  if (!answer || asked !== flow.asked) return;
  const frames = 2 * answer.t.length - 1, film = floats(answer.film);
  Object.assign(flow, { ...answer, film, frames, points: film.length / frames / 3 });
  parts.slider.max = frames - 1;
  const percent = (x) => `${Math.round(100 * x)} %`;
  const named = answer.right === null
    ? "" : `${percent(answer.right)} land nearest a picture of ${toy.names[asked.family]}. `;
  parts.landed.textContent =
    `${named}With the ${asked.by} denoiser the points end ${answer.away.toFixed(2)} from the ` +
    `nearest code on average; ${percent(answer.off)} decode to something off the data.`;
  showFrame(flow.frame);
}

// Forward first, then reverse; the last frame of the one is the first of the other.
function showFrame(frame) {
  if (!flow.film) return;
  flow.frame = Math.max(0, Math.min(flow.frames - 1, frame));
  const { points, t, noise, families } = flow, last = t.length - 1, reverse = flow.frame > last;
  const level = reverse ? 2 * last - flow.frame : flow.frame;
  const { codes } = toy.spaces[0], coords = new Float32Array(3 * points + codes.length);
  coords.set(flow.film.subarray(3 * points * flow.frame, 3 * points * (flow.frame + 1)));
  coords.set(codes, 3 * points);
  const own = families[reverse ? 1 : 0].map(colourOf), data = toy.families.map(() => GREY);
  const cells = Array(points).fill(0).concat([...toy.families.keys()].map((i) => i + 1));
  const image = flowSheet();
  cloud.setPoints(coords, {
    dim: 3, frame: BOX, moving: 0, colours: own.concat(data),
    sizes: Array(points).fill(1).concat(data.map(() => 0.7)),
    labels: (i) => (i < points ? "decoded here" : familyOf(i - points)),
    thumbnails: { image, columns: 16, side: 5, cells, hint: true },
  });
  parts.slider.value = flow.frame;
  parts.slider.style.setProperty("--done", `${(100 * flow.frame) / (flow.frames - 1)}%`);
  const way = flow.frame === last ? "all noise" : reverse ? "reverse: noise taken away" : "forward: noise added";
  const words = `${way} · t ${t[level]} · ${Math.round(100 * noise[level])} % noise variance`;
  parts.readout.textContent = words;
  parts.slider.setAttribute("aria-valuetext", words);
  if (flow.hovered !== null) lookUnder(flow.hovered);
}

// The pictures for the hints: first that of the hovered point, then those of the data.
function flowSheet() {
  if (flow.sheetOf === toy.pictures) return hint;
  const levels = new Uint8Array(CELLS + toy.pictures.length);
  levels.set(toy.pictures, CELLS);
  flow.sheetOf = toy.pictures;
  return drawPictures(hint, levels, 16);
}

async function lookUnder(i) {
  flow.hovered = i;
  if (i === null || i >= flow.points) return;
  const at = 3 * (flow.points * flow.frame + i), frame = flow.frame;
  const code = [...flow.film.subarray(at, at + 3)];
  const answer = await fetchAnswer("decode", { toy: toy.id, code }, parts.landed);
  if (!answer || flow.hovered !== i || flow.frame !== frame) return;
  hint.getContext("2d").drawImage(drawPictures(make("canvas"), bytes(answer.picture)), 0, 0);
  cloud.fillTip();
  cloud.redraw();
}
cloud.onhover = lookUnder;

const { pause: pauseFlow } = takeScrubber({
  slider: parts.slider,
  button: parts.play,
  at: () => flow.frame,
  last: () => (flow.film ? flow.frames - 1 : -1),
  seek: showFrame,
  wait: () => 90,
});
parts.learn.addEventListener("click", () => train("denoiser", { seed: newSeed() }));
parts.again.addEventListener("click", () => ((flow.seed = newSeed()), askFlow()));
parts.guidance.addEventListener("input", () => (parts.strength.textContent = parts.guidance.value));
for (const name of ["by", "wanted", "guidance"]) parts[name].addEventListener("change", askFlow);
watch("value", () => receive(props.value));
readPictures();
