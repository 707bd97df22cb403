// Inside the U-Net at the step that is shown: where the words act, and what its blocks say. Both
// come with the run's messages.

const TILE = 128; // pixels of a word's picture, at most
const cells = new OffscreenCanvas(1, 1); // of one word after another
const HEAT = Uint32Array.from({ length: 256 }, (_, level) => ((0.9 * level) << 24) | 0x025fd9); // 0xAABBGGRR

// A tile a word; of a run without them there is no panel.
function openWords({ words }) {
  parts.attention.hidden = !words || !words.length;
  parts.words.replaceChildren(...(words || []).map((word) => {
    const tile = make("div"), name = make("span");
    Object.assign(name, { className: "word", textContent: word, title: word, dir: "auto" });
    tile.append(emptyPicture(`Where “${word}” acts`), name, emptyLine());
    return tile;
  }));
}

function drawWords(frame) {
  const { attention, words } = frame, tiles = [...parts.words.children];
  if (parts.attention.hidden) return;
  parts.attention.style.visibility = attention ? "" : "hidden"; // a step that was only decoded
  if (!attention) return;
  if (words.join("\n") !== tiles.map((tile) => tile.querySelector(".word").textContent).join("\n")) {
    openWords(frame); // of the run that this one branches off
    return drawWords(frame);
  }
  const [h, w] = attention.size;
  tiles.forEach((tile, i) => {
    drawHeat(tile.querySelector("canvas"), frame.x0_hat, attention.maps[i], w, h);
    tile.lastChild.textContent = percentage(attention.shares[i]);
  });
  const rest = Math.max(0, 1 - attention.shares.reduce((a, b) => a + b, 0));
  parts.rest.textContent = percentage(rest);
  parts.peak.textContent = percentage(attention.peak);
}

const percentage = (share) => `${Math.round(100 * share)} %`;

// The picture, pale, under cells that are the more orange the more they read of the word.
function drawHeat(canvas, picture, levels, w, h) {
  const scale = Math.min(1, TILE / picture.width);
  const width = Math.round(scale * picture.width), height = Math.round(scale * picture.height);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(w, h);
  Object.assign(cells, { width: w, height: h });
  new Uint32Array(image.data.buffer).set(Array.from(levels, (level) => HEAT[level]));
  cells.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = 0.45;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, 0, 0, canvas.width, canvas.height);
}

// A column a block, as deep as it stands in the U; they fill when the first step arrives.
function openBlocks({ block_names, guidance }) {
  parts.unet.hidden = parts.attention.hidden;
  const names = block_names || [];
  const deepest = names.filter((name) => name.startsWith("down")).length;
  parts.blocks.replaceChildren(...names.map((name, place) => {
    const tile = make("div"), title = make("span", { className: "word" }), [size, changed] = [emptyLine(), emptyLine()];
    tile.style.setProperty("--depth", Math.min(place, 2 * deepest - place));
    title.textContent = name;
    const kinds = ["How strongly cells speak in", "What the prompt changes in"];
    const shown = kinds.slice(0, guidance > 1 ? 2 : 1);
    const maps = shown.map((what) => emptyPicture(`${what} ${name}`));
    tile.append(title, size, ...maps, changed);
    return tile;
  }));
}

// How strongly a block's cells speak, and under it what the prompt changes of that.
function drawBlocks({ blocks }) {
  parts.unet.style.visibility = blocks ? "" : "hidden";
  (blocks || []).forEach((block, place) => {
    const tile = parts.blocks.children[place], [strength, change] = tile.querySelectorAll("canvas");
    tile.children[1].textContent = block.shape.join(" ×\u00a0"); // wraps before a ×
    drawMap(strength, block.strength, [1, ...block.size]);
    if (!change) return;
    for (const part of [change, tile.lastChild]) part.style.visibility = block.change ? "" : "hidden";
    if (!block.change) return; // a step before a branch, drawn without guidance
    drawMap(change, block.change, [1, ...block.size]);
    tile.lastChild.textContent = percentage(block.changed);
  });
}

// A line of words that are to come: as high as it will be.
function emptyLine() {
  const line = make("span");
  line.textContent = "\u00a0";
  return line;
}

function emptyPicture(label) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
}

// What a message says of the inside, decoded once, so that scrubbing only draws.
function readInside({ attention, blocks }) {
  const maps = attention && { attention: { ...attention, maps: attention.maps.map(bytes) } };
  const half = (text) => text && bytes(text).map((level) => 127 + level / 2); // white to orange
  return { ...maps, ...(blocks && { blocks: blocks.map((block) => (
    { ...block, strength: half(block.strength), change: half(block.change) })) }) };
}
