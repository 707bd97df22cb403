// The small map: where the steps lie among the pictures of the atlas, and a second scrubber. The
// places come with the run's messages. Needs scatter.js.

const chart = new Scatter(parts.path, {
  label: "Path of the run on the map: left and right arrows step", still: true,
});
let placed = []; // places in the run of the steps that the paths are drawn through

// The pictures of the atlas, once for a run; without a map there is no panel.
function openChart({ map, latent_shape }) {
  parts.paths.hidden = !map;
  parts.halves.classList.toggle("mapped", Boolean(map));
  placed = [];
  chart.setPaths([]);
  if (!map) return;
  const dots = new Uint16Array(bytes(map.dots).buffer), n = dots.length / 3;
  const at = (i, axis) => map.low[axis] + ((map.high[axis] - map.low[axis]) * dots[3 * i + axis]) / 65535;
  const coords = Float32Array.from({ length: 2 * n }, (_, i) => at(i >> 1, i & 1));
  const category = (i) => dots[3 * i + 2], each = Array.from({ length: n }, (_, i) => category(i));
  const { palette } = scatterPalette(map.categories, each);
  chart.setPoints(coords, {
    dim: 2, moving: 0, frame: coords,
    colours: each.map((i) => palette[i]),
    labels: (i) => map.categories[category(i)].replaceAll("-", " "),
  });
  chart.highlight([]); // all fade, so that the paths stand out
  parts.categories.replaceChildren(...nameColours(map.categories, palette));
  parts.explained.textContent = Math.round(100 * map.explained);
  parts.numbers.textContent = latent_shape.reduce((a, b) => a * b).toLocaleString("en");
}

function nameColours(words, palette) {
  const named = words.filter((_, i) => palette[i] !== SCATTER_OTHER);
  const all = named.map((word) => [word.replaceAll("-", " ") || "none", palette[words.indexOf(word)]]);
  if (named.length < words.length) all.push(["others", SCATTER_OTHER]);
  return all.map(([word, colour]) => {
    const name = make("span"), dot = make("span", { className: "dot" });
    dot.style.background = colour;
    name.append(dot, word);
    return name;
  });
}

// The paths as far as they are known, and the step that is shown.
function drawChart() {
  const { frames, index } = state, known = frames.filter((frame) => frame && frame.places);
  if (parts.paths.hidden) return;
  if (known.length !== placed.length) {
    placed = known.map((frame) => frame.index);
    chart.setPaths(Object.entries(PATH_COLOURS).map(([name, colour], k) => ({
      coords: Float32Array.from(known.flatMap((frame) => frame.places[k])),
      colour, dots: true,
      pictures: known.map((frame) => frame[name]),
      labels: known.map((frame) => `step ${frame.index + 1}, ${name === "x_t" ? "xₜ" : "x̂₀"}`),
    })));
    chart.include(known.flatMap((frame) => frame.places.flat()));
  }
  for (const path of chart.paths) path.current = placed.indexOf(index);
  chart.draw();
}

function goTo(index) {
  pause();
  seek(index);
}

chart.onpath = (path, dot, how) => how === "pick" && goTo(placed[dot]);
chart.canvas.addEventListener("keydown", (event) => {
  const to = {
    ArrowLeft: state.index - 1, ArrowRight: state.index + 1, Home: 0, End: Infinity,
  }[event.key];
  if (to === undefined || !state.frames.length || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  goTo(to);
});
parts.door.addEventListener("click", () => {
  window.ldm = { ...window.ldm, panel: "runs" };
  document.querySelector(".diagram [data-page=Map]").dispatchEvent(new Event("click"));
  document.dispatchEvent(new CustomEvent("ldm:panel"));
});
