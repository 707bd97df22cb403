// Paths through the latent space: the run of the Generate page, and many seeds of one prompt.

const run = { id: null, told: null, known: 0, asked: false, stale: false };
const flat = (places) => Float32Array.from(places.flat());

// Asks for the path of the run that is shown, if this page is looked at; else when it is.
async function followRun() {
  if (!window.ldm || !window.ldm.run) {
    parts.step.textContent = "There is no run yet: draw one on the Generate page.";
    return;
  }
  if (!isShown()) return (run.stale = true);
  if (run.asked) return (run.stale = true);
  Object.assign(run, { asked: true, stale: false });
  const id = window.ldm.run.run;
  if (id !== run.id) parts.step.textContent = "Placing the run …";
  const told = await askModel("path", { run: id }, parts.step);
  run.asked = false;
  if (told) {
    Object.assign(run, { id, told, known: told.ts.length });
    showRun();
  }
  if (run.stale) followRun();
}

const shownStep = () => Math.min(window.ldm.index, run.known - 1);

function showRun() {
  showPaths("latent", (drawing) => Object.entries(PATH_COLOURS).map(([kind, colour]) => ({
    coords: flat(run.told[kind].places[drawing]),
    colour, dots: true, current: shownStep(),
  })), onRunPath);
  sayStep(shownStep());
}

function sayStep(index) {
  const { x_t, x0_hat, ts, prompt } = run.told, [near, far] = x0_hat.near[index];
  parts.step.textContent =
    `“${prompt}”, step ${index + 1} of ${ts.length}, t ${ts[index]}: xₜ is ${round(x_t.near[index][1])} ` +
    `from the nearest picture, x̂₀ ${round(far)}: ${caption(near)}`;
}

// Over a dot: its picture; a click: the scrubber goes there.
async function onRunPath(path, dot, how) {
  if (path === null || path === undefined) return;
  const index = Math.min(dot, run.known - 1), preview = run.told.previews[index];
  const kind = dot === run.known ? "x0_hat" : Object.keys(PATH_COLOURS)[path]; // where both end
  looked++;
  if (preview) {
    await showPicture(preview[kind]);
    parts.about.textContent = `step ${index + 1}, ${kind === "x_t" ? "xₜ" : "x̂₀"}, decoded`;
    parts.latents.hidden = true;
  }
  sayStep(index);
  if (how !== "pick") return;
  const slider = document.querySelector("#viewer [data-part=slider]");
  if (!slider || window.ldm.run.run !== run.id) return;
  slider.value = index;
  slider.dispatchEvent(new Event("input"));
}

document.addEventListener("ldm:run", () => panels.current === "runs" && followRun());
document.addEventListener("ldm:step", () => {
  if (panels.current !== "runs" || !run.told || !atlas.paths) return;
  const mine = window.ldm.run.run === run.id;
  if (!mine || window.ldm.index >= run.known) return followRun();
  if (atlas.paths.onpath !== onRunPath) return;
  for (const path of scatter.paths) path.current = shownStep();
  scatter.redraw();
  sayStep(shownStep());
});
new IntersectionObserver(() => isShown() && run.stale && followRun()).observe(element);
parts.follow.addEventListener("click", followRun);

function openRuns() {
  if (window.ldm && window.ldm.run) parts.bundle.value = window.ldm.run.prompt;
  followRun();
}

parts.seeds.addEventListener("click", async () => {
  parts.bundled.textContent = "Drawing …";
  parts.seeds.disabled = true;
  const asked = { prompt: parts.bundle.value, n: Number(parts.count.value) };
  const told = await askModel("seeds", asked, parts.bundled);
  parts.seeds.disabled = false;
  if (!told) return;
  const { paths, pictures, near, spread, seeds } = told;
  showPaths("latent", (drawing) => paths.map(({ places }, k) => ({
    coords: flat(places[drawing]), colour: SCATTER_COLOURS[k % 10],
    dots: true, current: places[drawing].length - 1,
  })), (path) => {
    if (path === null || path === undefined) return;
    looked++;
    parts.about.textContent = `seed ${seeds[path]}: where it ends, decoded`;
    parts.latents.hidden = true;
    showPicture(pictures[path]);
  });
  parts.bundled.textContent =
    `${seeds.length} paths of xₜ; two of the results are ${round(spread)} apart on average`;
  parts.ends.replaceChildren(...pictures.map((picture, k) =>
    frame(picture, `seed ${seeds[k]}, ${round(near[k][1])} from ${caption(near[k][0])}`, SCATTER_COLOURS[k % 10])));
});

// A picture with a note, framed in its colour.
function frame(picture, note, colour = "transparent") {
  const figure = make("figure"), image = make("img");
  Object.assign(image, { src: jpeg(picture), alt: note });
  image.style.borderColor = colour;
  figure.append(image, make("figcaption", {}, note));
  return figure;
}
