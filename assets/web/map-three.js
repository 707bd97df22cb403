// Three pictures: which two are most alike, in each space.

const three = { indices: [], painted: null, asked: null }; // asked: the painting wanted last
const LETTERS = ["A", "B", "C"];
const PAIRS = [[0, 1], [0, 2], [1, 2]];

function openThree() {
  three.indices = [...atlas.example];
  measureThree();
}

async function measureThree() {
  const { indices } = three;
  Object.assign(three, { painted: null, asked: null });
  parts.painted.textContent = "";
  drawSlots();
  const apart = await ask("three", { indices }, parts.agree);
  if (!apart || indices !== three.indices) return; // others were chosen meanwhile
  three.apart = apart;
  drawThree();
}

function drawSlots() {
  refill(parts.slots, ...three.indices.map((index, slot) => {
    const box = make("div"), put = make("button", { className: "put" }, "put the chosen one here");
    put.type = "button";
    put.disabled = atlas.chosen === null || atlas.chosen >= atlas.n;
    put.addEventListener("click", () => {
      three.indices = three.indices.with(slot, atlas.chosen);
      measureThree();
    });
    const words = make("span", {}, caption(index));
    words.dir = "auto";
    box.append(make("b", {}, LETTERS[slot]), thumb(index), words, put);
    if (slot === 0 && three.painted) {
      const image = make("img");
      Object.assign(image, { src: jpeg(three.painted.picture), alt: three.painted.caption });
      box.append(image);
    }
    return box;
  }));
}

// The table: a row a space, a column a pair; after painting, the first one's new distances.
function drawThree() {
  const { apart, painted } = three;
  const heads = ["space", ...PAIRS.map(([a, b]) => `${LETTERS[a]} to ${LETTERS[b]}`)];
  if (painted) heads.push("painted A to A", "painted A to B", "painted A to C");
  const closest = {};
  const rows = Object.entries(SPACES).map(([space, name]) => {
    const least = Math.min(...apart[space]);
    closest[space] = apart[space].indexOf(least);
    const cells = apart[space].map((far) => [round(far), far === least]);
    if (painted) cells.push(...painted.apart[space].map((far) => [round(far), false]));
    return [[name, false], ...cells];
  });
  parts.three.replaceChildren(...table(heads, rows));
  const pairs = Object.entries(closest), first = pairs[0][1];
  const name = (pair) => PAIRS[pair].map((slot) => LETTERS[slot]).join(" and ");
  parts.agree.textContent = pairs.every(([, pair]) => pair === first)
    ? `All four spaces agree: ${name(first)} are most alike.`
    : `The spaces do not agree: ${pairs.map(([space, pair]) => `${SPACES[space]} ${name(pair)}`).join(", ")}.`;
}

// Rows for a table; a cell is [text, whether it is bold].
function table(heads, rows) {
  const line = (cells) => {
    const row = make("tr");
    row.append(...cells);
    return row;
  };
  const head = line(heads.map((text) => Object.assign(make("th", {}, text), { scope: "col" })));
  return [head, ...rows.map((cells) => line(cells.map(([text, bold], place) => {
    const cell = make(place ? "td" : "th", { className: bold ? "best" : "" });
    if (!place) cell.scope = "row";
    cell.append(text);
    return cell;
  })))];
}

parts.repaint.addEventListener("click", async () => {
  const [index, ...others] = three.indices;
  parts.painted.textContent = "Painting …";
  const asked = (three.asked = { index, colour: parts.paint.value, to: [index, ...others] });
  const painted = await askModel("recolour", asked, parts.painted);
  if (!three.asked) parts.painted.textContent = ""; // others were chosen meanwhile
  if (!painted || asked !== three.asked) return;
  three.painted = painted;
  parts.painted.textContent = `“${painted.caption}”, through the encoder again`;
  drawSlots();
  drawThree();
});
listeners.push(() => three.indices.length && drawSlots());
