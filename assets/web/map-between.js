// Ways between two pictures, two prompts or two seeds: a strip, a path on the map, an animation.

const way = { told: null, index: 0, timer: null };
const WORDS = {
  pictures: "the latents of the two pictures; what is between is only decoded, no network drew it",
  prompts: "the text encoder's tokens of the two prompts; every frame is drawn from one noise",
  seeds: "the noises of the two seeds; every frame is drawn with one prompt",
};

function field(label, value, type = "text") {
  const input = make("input");
  Object.assign(input, { value, type, maxLength: 2000, min: 0, max: 4294967295 });
  input.setAttribute("aria-label", label);
  return input;
}

const ends = {
  pictures: [0, 0],
  prompts: [field("From this prompt", "a cat"), field("To this prompt", "a car")],
  seeds: [field("From this seed", 1, "number"), field("To this seed", 2, "number")],
};
const seedOf = field("Seed of the noise", 0, "number"), promptOf = field("Prompt for both seeds", "a red apple");

function openBetween() {
  ends.pictures = [atlas.example[0], atlas.example[2]];
  drawEnds();
}

function drawEnds() {
  const kind = parts.kind.value, [a, b] = ends[kind];
  if (kind === "prompts") return parts.from.replaceChildren(a, " and ", b, " seed ", seedOf);
  if (kind === "seeds") return parts.from.replaceChildren(a, " and ", b, " prompt ", promptOf);
  const slots = [a, b].map((index, place) => {
    const put = make("button", { className: "put" }, "put the chosen one here");
    put.type = "button";
    put.disabled = atlas.chosen === null || atlas.chosen >= atlas.n;
    put.addEventListener("click", () => {
      ends.pictures[place] = atlas.chosen;
      drawEnds();
    });
    const box = make("span", { className: "end" });
    box.append(thumb(index), put);
    return box;
  });
  refill(parts.from, slots[0], " and ", slots[1]);
}

function asked() {
  const kind = parts.kind.value, [a, b] = ends[kind];
  const shared = { kind, way: parts.way.value, n: Number(parts.frames.value) };
  if (kind === "pictures") return { ...shared, a, b };
  if (kind === "prompts") return { ...shared, a: a.value, b: b.value, seed: Number(seedOf.value) };
  return { ...shared, a: Number(a.value), b: Number(b.value), prompt: promptOf.value };
}

parts.go.addEventListener("click", async () => {
  const question = asked();
  stopWay();
  parts.said.textContent = "Drawing …";
  parts.go.disabled = true;
  const told = await askModel("between", question, parts.said);
  parts.go.disabled = false;
  if (!told) return;
  Object.assign(way, { told, index: 0 });
  const { rms, trace } = told, middle = rms[Math.floor(rms.length / 2)];
  parts.said.textContent =
    `${question.way === "linear" ? "Straight" : "Along an arc"} between ${WORDS[question.kind]}. ` +
    `Size of the numbers (root mean square): ${round(rms[0])} at the start, ${round(middle)} in the ` +
    `middle, ${round(rms.at(-1))} at the end.`;
  parts.strip.replaceChildren(...told.pictures.map((picture, k) => {
    const [index, far] = trace.near[k];
    return frame(picture, `${k + 1}: ${round(far)} from ${caption(index)}`);
  }));
  parts.run.disabled = parts.save.disabled = false;
  showWay();
  seekWay(0);
});

function showWay() {
  const { trace } = way.told;
  showPaths("latent", (drawing) => [{
    coords: flat(trace.places[drawing]), colour: "#0284c7", dots: true, current: way.index,
  }], onWay);
}

const onWay = (path, dot) => dot !== undefined && path !== null && seekWay(dot);
const isWayShown = () => Boolean(atlas.paths) && atlas.paths.onpath === onWay;

function seekWay(index) {
  way.index = index;
  looked++;
  [...parts.strip.children].forEach((figure, k) => figure.classList.toggle("here", k === index));
  for (const path of scatter.paths) path.current = index;
  scatter.redraw();
  parts.about.textContent = `frame ${index + 1} of ${way.told.pictures.length}`;
  parts.latents.hidden = true;
  showPicture(way.told.pictures[index]);
}

function stopWay() {
  clearInterval(way.timer);
  way.timer = null;
  parts.run.textContent = "Play";
}

parts.run.addEventListener("click", () => {
  if (way.timer) return stopWay();
  if (!isWayShown()) showWay();
  parts.run.textContent = "Stop";
  if (way.index === way.told.pictures.length - 1) seekWay(0);
  way.timer = setInterval(() => {
    if (!isWayShown()) return stopWay(); // something else is looked at
    seekWay(way.index + 1);
    if (way.index === way.told.pictures.length - 1) stopWay();
  }, 250);
});
parts.save.addEventListener("click", async () => {
  const data = await ask("animation", way.told.pictures, parts.said);
  if (!data) return;
  const link = make("a");
  Object.assign(link, { href: URL.createObjectURL(blob(data, "image/webp")), download: "way.webp" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
parts.kind.addEventListener("change", drawEnds);
listeners.push(() => ends.pictures.some(Boolean) && parts.kind.value === "pictures" && drawEnds());
