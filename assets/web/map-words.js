// Prompts among the captions, and where the text sent the picture of the run.

parts.place.addEventListener("click", async () => {
  parts.placed.textContent = "Reading …";
  const told = await askModel("words", { lines: parts.lines.value.split("\n") }, parts.placed);
  if (!told) return;
  parts.placed.textContent = `${told.lines.length} placed on the map: the large dots, in the colours below`;
  showPaths("text", (drawing) => told.lines.map((_, k) => ({
    coords: flat([told.places[drawing][k]]), colour: SCATTER_COLOURS[k % 10], dots: true, current: 0,
  })), (path) => path !== null && path !== undefined && mark(path));
  parts.told.replaceChildren(nearTable(told), likeness(told));
});

function mark(line) {
  for (const row of parts.told.querySelectorAll("[data-line]")) {
    row.classList.toggle("here", Number(row.dataset.line) === line);
  }
}

// A row a prompt: the nearest captions, with a picture each.
function nearTable({ lines, near, sums }) {
  const box = make("div"), list = make("ol", { className: "lines" });
  list.append(...lines.map((line, k) => {
    const row = make("li"), words = make("b", {}, line), grid = make("div", { className: "grid" });
    row.dataset.line = k;
    row.style.setProperty("--line", SCATTER_COLOURS[k % 10]);
    words.dir = "auto";
    grid.append(...near[k].map(([index, cosine]) => thumb(index, `${round(cosine)} ${caption(index)}`)));
    row.append(words, sums[k] ? " (a sum)" : "", grid);
    return row;
  }));
  box.append(make("p", {}, "The nearest captions, with the cosine of the angle: 1 is the same direction, 0 has nothing in common."), list);
  return box;
}

function likeness({ lines, cosines }) {
  const box = make("div"), matrix = make("table", { className: "matrix" });
  const rows = cosines.map((row, k) => [[String(k + 1), false], ...row.map((cosine) => [round(cosine), false])]);
  matrix.append(...table(["", ...lines.map((_, k) => String(k + 1))], rows));
  [...matrix.querySelectorAll("td")].forEach((cell) => {
    cell.style.setProperty("--level", `${Math.max(0, Number(cell.textContent)) * 60}%`);
  });
  box.append(make("p", {}, "How alike the prompts are: the cosine of every two."), matrix);
  return box;
}

parts.sent.addEventListener("click", async () => {
  if (!window.ldm || !window.ldm.run) {
    parts.placed.textContent = "There is no run yet: draw one on the Generate page.";
    return;
  }
  parts.placed.textContent = "Comparing …";
  const told = await askModel("sent", { run: window.ldm.run.run }, parts.placed);
  if (!told) return;
  const { prompt, captions, pictures, agreement } = told;
  parts.placed.textContent = "";
  const number = make("p", {}, `Agreement ${Math.round(100 * agreement)} %: the captions of the ten pictures nearest ` +
    "to the result are nearer to the prompt than that share of all captions. 50 % is chance.");
  parts.told.replaceChildren(
    labelled(`Captions nearest to “${prompt}”`, captions.map(([i, cosine]) => thumb(i, `${round(cosine)} ${caption(i)}`))),
    labelled("Pictures nearest to what was drawn", pictures.map(([i, far]) => thumb(i, `${round(far)} ${caption(i)}`))),
    number,
  );
});
