// The pictures: those of the families, and those that are drawn here.

const drawing = Array.from({ length: CELLS }, (_, i) => {
  const cell = make("button", { type: "button", ariaLabel: `row ${Math.floor(i / 5) + 1}, column ${(i % 5) + 1}` });
  cell.setAttribute("aria-pressed", "false");
  parts.cells.append(cell);
  return cell;
});
const isInk = (cell) => cell.getAttribute("aria-pressed") === "true";
const paintCell = (cell, ink) => cell.setAttribute("aria-pressed", String(ink));

// The grid: press and drag to draw; the first cell decides between ink and paper.
let brush = null;
parts.cells.addEventListener("pointerdown", (event) => {
  if (!drawing.includes(event.target)) return;
  event.preventDefault();
  event.target.releasePointerCapture(event.pointerId);
  event.target.focus();
  brush = !isInk(event.target);
  paintCell(event.target, brush);
});
parts.cells.addEventListener("pointerover", (event) => {
  if (brush !== null && drawing.includes(event.target)) paintCell(event.target, brush);
});
document.addEventListener("pointerup", () => (brush = null));
drawing.forEach((cell, i) => {
  cell.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -5, ArrowDown: 5 }[event.key];
    if (event.key === " " || event.key === "Enter") paintCell(cell, !isInk(cell));
    else if (by && drawing[i + by]) drawing[i + by].focus();
    else return;
    event.preventDefault();
  });
});

// All pictures, a row a family; each can be chosen.
function drawFamilies() {
  const rows = toy.names.map((name, family) => {
    const members = [...toy.families.keys()].filter((i) => toy.families[i] === family);
    const label = make("span", { className: "name" }, make("i", { className: "dot" }), name);
    label.firstChild.style.background = colourOf(family);
    return make("div", {}, label, ...members.map((i) => pictureButton(i)));
  });
  parts.families.replaceChildren(...rows);
  parts.names.replaceChildren(...toy.names.map((value) => make("option", { value })));
  const options = toy.names.map((name, value) => make("option", { value, textContent: name }));
  parts.wanted.replaceChildren(make("option", { value: toy.names.length, textContent: "all" }), ...options);
}

function pictureButton(i) {
  const canvas = drawPictures(make("canvas"), cellsOf(toy.pictures, i));
  const button = make("button", { type: "button", title: familyOf(i), ariaLabel: `${familyOf(i)}, picture ${i + 1}` }, canvas);
  button.addEventListener("click", () => choose(i));
  button.style.setProperty("--family", colourOf(toy.families[i]));
  return button;
}

// Asks the server what the pictures are, one's own among them.
async function readPictures() {
  const begun = await fetchAnswer("begin", { own: toy.own }, parts.drawn);
  if (!begun) return false;
  const { families, names } = begun;
  Object.assign(toy, { pictures: bytes(begun.pictures), families, names, id: null, chosen: 0 });
  toy.spaces = [{ codes: floats(begun.codes) }, null];
  drawFamilies();
  forgetSpaces();
  parts.remove.hidden = !toy.own.length;
  return true;
}

parts.own.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (toy.part) return void (parts.drawn.textContent = "Stop the training first.");
  const cells = drawing.map((cell) => (isInk(cell) ? 1 : -1)), family = parts.family.value.trim();
  toy.own.push({ cells, family });
  if (!(await readPictures())) return toy.own.pop();
  parts.drawn.textContent = `${toy.own.length} of your own: train to see where they go.`;
  choose(toy.families.length - 1);
});
parts.clear.addEventListener("click", () => drawing.forEach((cell) => paintCell(cell, false)));
parts.remove.addEventListener("click", async () => {
  if (toy.part) return void (parts.drawn.textContent = "Stop the training first.");
  toy.own = [];
  await readPictures();
  parts.drawn.textContent = "";
});
