// Inside the U-Net at the step that is shown: where the words act, and what its blocks say. Both
// come with the run's messages.

const HEAT = [217, 95, 2];

// A tile a word; of a run without them there is no panel.
function openWords({ words }) {
  parts.attention.hidden = !words || !words.length;
  parts.words.replaceChildren(...(words || []).map((word) => {
    const tile = make("div"), canvas = make("canvas"), name = make("span"), share = empty();
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Where “${word}” acts`);
    Object.assign(name, { className: "word", textContent: word, title: word, dir: "auto" });
    tile.append(canvas, name, share);
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
    drawHeat(tile.querySelector("canvas"), frame.x0_hat, bytes(attention.maps[i]), w, h);
    tile.lastChild.textContent = percentage(attention.shares[i]);
  });
  const rest = Math.max(0, 1 - attention.shares.reduce((a, b) => a + b, 0));
  parts.rest.textContent = percentage(rest);
  parts.peak.textContent = percentage(attention.peak);
}

const percentage = (share) => `${Math.round(100 * share)} %`;

// The picture, pale, under cells that are the more orange the more they read of the word.
function drawHeat(canvas, picture, levels, w, h) {
  if (canvas.width !== picture.width) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
  }
  const cells = new OffscreenCanvas(w, h), image = new ImageData(w, h);
  levels.forEach((level, i) => image.data.set([...HEAT, 0.9 * level], 4 * i));
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
    const tile = make("div"), title = make("span", "word"), [size, changed] = [empty(), empty()];
    tile.style.setProperty("--depth", Math.min(place, 2 * deepest - place));
    title.textContent = name;
    const kinds = ["How strongly cells speak in", "What the prompt changes in"];
    const maps = kinds.slice(0, guidance > 1 ? 2 : 1).map((what) => {
      const canvas = make("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${what} ${name}`);
      return canvas;
    });
    tile.append(title, size, ...maps, changed);
    return tile;
  }));
}

// How strongly a block's cells speak, and under it what the prompt changes of that.
function drawBlocks({ blocks }) {
  parts.unet.style.visibility = blocks ? "" : "hidden";
  (blocks || []).forEach((block, place) => {
    const tile = parts.blocks.children[place], [strength, change] = tile.querySelectorAll("canvas");
    tile.children[1].textContent = block.shape.join(" × ");
    drawLevels(strength, block.strength, block.size);
    if (!change) return;
    for (const part of [change, tile.lastChild]) part.style.visibility = block.change ? "" : "hidden";
    if (!block.change) return; // a step before a branch, drawn without guidance
    drawLevels(change, block.change, block.size);
    tile.lastChild.textContent = percentage(block.changed);
  });
}

// A line of words that are to come: as high as it will be.
function empty() {
  const line = make("span");
  line.textContent = "\u00a0";
  return line;
}

// Levels from the least to the most, white to orange.
function drawLevels(canvas, levels, size) {
  drawMap(canvas, bytes(levels).map((level) => 127 + level / 2), [1, ...size]);
}
