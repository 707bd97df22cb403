// Where the words act: a tile for each word of the prompt, which shows how much of what the cells
// of the U-Net read is from it. The shares come with the run's messages.

const HEAT = [217, 95, 2];

// A tile a word; of a run without them there is no panel.
function openWords({ words }) {
  parts.attention.hidden = !words || !words.length;
  parts.words.replaceChildren(...(words || []).map((word) => {
    const tile = make("div"), canvas = make("canvas"), name = make("span"), share = make("span");
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
    const levels = attention.levels.subarray(i * h * w, (i + 1) * h * w);
    drawHeat(tile.querySelector("canvas"), frame.x0_hat, levels, w, h);
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
