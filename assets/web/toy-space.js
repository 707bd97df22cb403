// The spaces of the autoencoders: points that move as they learn, and what is decoded where.

const FRAME = [-2.6, -2.6, -2.6, 2.6, 2.6, 2.6]; // codes have mean 0 and variance 1
const AXES = ["number 1", "number 2", "number 3"];
const scatters = [0, 1].map((which) => {
  const label = which ? "Codes in the second space" : "Codes of the pictures";
  const scatter = new Scatter(parts[`field_${which}`], { label });
  scatter.axes = AXES;
  scatter.onpick = (i) => choose(i);
  return scatter;
});
scatters[0].onempty = (...code) => toy.spaces[0].decoded && lookAt(code);

function showSpace(which, message, done) {
  const space = (toy.spaces[which] = { ...message, codes: floats(message.codes), decoded: bytes(message.decoded) });
  drawSpace(which);
  parts.loss.parentNode.classList.remove("none");
  drawLoss(parts.loss, space.loss, 100, [0.01, 1], true);
  drawChosen();
  if (!done) return;
  parts.foreign.hidden = !toy.spaces[1];
  parts.swapped.hidden = true;
  if (which) return;
  parts.near.hidden = parts.probe.hidden = parts.diffusion.hidden = false;
  const { pixels, codes, chance } = space.kin;
  parts.kin.textContent =
    `Of the 5 nearest, ${pixels.toFixed(1)} are of the same family in pixels, ` +
    `${codes.toFixed(1)} in codes; by chance it would be ${chance.toFixed(1)}.`;
  choose(toy.chosen);
  startFlow();
}

function drawSpace(which) {
  const { codes } = toy.spaces[which], n = toy.families.length;
  const image = drawPictures(make("canvas"), toy.pictures, 16);
  scatters[which].setPoints(codes, {
    dim: 3,
    frame: FRAME,
    colours: toy.families.map(colourOf),
    labels: familyOf,
    thumbnails: { image, columns: 16, side: 5, most: 20 },
    moving: 150,
  });
  scatters[which].select(toy.chosen);
  const state = toy.spaces[which].decoded ? "" : " Not trained yet: they mean nothing.";
  parts[`about_${which}`].textContent =
    `${which ? "The second space, another random start: " : ""}${n} pictures, each at its 3 numbers.${state}` +
    (state || which ? "" : " Drag to turn, click a picture or a place.");
}

// A new toy has no second space, and nobody knows yet where its pictures are.
function newToy(id) {
  const { codes } = toy.spaces[0];
  Object.assign(toy, { id, spaces: [{ codes }, null] });
  forgetSpaces();
}

function forgetSpaces() {
  for (const name of ["other", "near", "probe", "foreign", "diffusion"]) parts[name].hidden = true;
  parts.kin.textContent = "";
  parts.loss.parentNode.classList.add("none");
  scatters[0].mark(null);
  drawSpace(0);
  drawChosen();
  forgetFlow();
  if (!toy.part) busy(null);
}

function choose(i) {
  toy.chosen = i;
  for (const scatter of scatters) scatter.select(i);
  drawChosen();
  const { codes, decoded } = toy.spaces[0];
  if (decoded && toy.id) lookAt([...codes.subarray(3 * i, 3 * i + 3)]);
  if (!parts.swapped.hidden) swap();
}

// The chosen picture, what is decoded from its code, and who is near.
function drawChosen() {
  const { decoded, near } = toy.spaces[0], i = toy.chosen;
  drawPictures(parts.picture, cellsOf(toy.pictures, i));
  parts.decoded.parentNode.classList.toggle("none", !decoded);
  if (decoded) drawPictures(parts.decoded, cellsOf(decoded, i));
  for (const name of near ? ["pixels", "codes"] : []) {
    refill(parts[`near_${name}`], ...near[name][i].map(pictureButton));
  }
}

// Decodes a place of the space; of many asked for in a hurry only the last.
let asking = false, next = null;
async function lookAt(code) {
  toy.code = code;
  code.forEach((x, axis) => {
    parts[`code_${axis}`].value = x;
    parts[`value_${axis}`].textContent = x.toFixed(2).replace("-", "−");
  });
  scatters[0].mark(code);
  next = code;
  if (asking) return;
  asking = true;
  try {
    while (next) {
      const asked = next;
      next = null;
      const answer = await fetchAnswer("decode", { toy: toy.id, code: asked, slice: true }, parts.verdict);
      if (answer && toy.id) drawThere(answer, asked);
    }
  } finally {
    asking = false;
  }
}

function drawThere({ picture, strange, off, slice }, code) {
  drawPictures(parts.there, bytes(picture));
  parts.verdict.classList.toggle("off", off);
  const away = `${strange.toFixed(2)} from the most similar picture of the training set`;
  parts.verdict.textContent = off ? `Off the data: ${away}.` : `Like the data: ${away}.`;
  const canvas = parts.slice, side = Math.sqrt(slice.length), size = 4;
  canvas.width = canvas.height = side * size;
  const context = canvas.getContext("2d");
  slice.forEach((family, k) => {
    context.fillStyle = family < 0 ? "rgba(128, 128, 128, 0.22)" : colourOf(family);
    context.fillRect((k % side) * size, Math.floor(k / side) * size, size, size);
  });
  const at = (x) => (Math.max(-3.2, Math.min(3.2, x)) / 6.4 + 0.5) * canvas.width;
  for (const [colour, width] of [["#000", 4], ["#fff", 1.5]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.strokeRect(at(code[0]) - 4, at(-code[1]) - 4, 8, 8);
  }
}

for (const axis of [0, 1, 2]) {
  parts[`code_${axis}`].addEventListener("input", () => {
    const code = [...toy.code];
    code[axis] = Number(parts[`code_${axis}`].value);
    lookAt(code);
  });
}

// The same code, read by the decoder of the other space.
async function swap() {
  const answer = await fetchAnswer("swap", { toy: toy.id, index: toy.chosen }, parts.nonsense);
  parts.swapped.hidden = false;
  if (!answer) return;
  const names = { own_own: "own", own_other: "0 by 1", other_own: "1 by 0" };
  for (const [part, name] of Object.entries(names)) drawPictures(parts[part], bytes(answer[name].picture));
  parts.nonsense.textContent =
    `Mean squared error over all pictures: ${answer.own.error.toFixed(3)} with its own decoder, ` +
    `${answer["0 by 1"].error.toFixed(2)} with the other. The same pictures, another random start, ` +
    `another space: a code means something only to its own decoder.`;
}
parts.swap.addEventListener("click", swap);
