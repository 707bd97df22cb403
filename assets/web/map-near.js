// What is there: the chosen picture and its neighbours, or what is decoded where no picture is.

let looked = 0; // counts what was asked for, so that a late answer is dropped

async function showPicture(source) {
  const image = await createImageBitmap(blob(source, "image/jpeg"));
  Object.assign(parts.picture, { width: image.width, height: image.height });
  parts.picture.getContext("2d").drawImage(image, 0, 0);
}

function describePicture(index, waiting = "") {
  const kinds = ["category", "style", "source"].map((name) => value(name, index));
  const title = make("b", {}, caption(index));
  title.dir = "auto";
  const more = kinds.filter(Boolean).join(" · ").replaceAll("-", " ");
  parts.about.replaceChildren(title, make("br"), waiting || (index < atlas.n ? more : "your picture"));
}

async function look(index) {
  if (index === null) return;
  const mine = ++looked;
  Object.assign(parts.picture, { width: atlas.side, height: atlas.side });
  drawThumb(parts.picture, index);
  describePicture(index);
  parts.latents.hidden = index >= atlas.n;
  if (index >= atlas.n) return drawNear(atlas.own[index - atlas.n].near);
  const near = await ask("near", { index });
  if (mine !== looked || !near) return;
  drawNear(near);
  const wait = (words) => mine === looked && describePicture(index, words);
  const { data } = await askInLine("look", aboutThis({ index }), wait).catch(lost); // errors stand above the map
  wait("");
  if (mine !== looked) return;
  parts.latents.hidden = !data;
  if (!data) return;
  drawMap(parts.latent, bytes(data.latent), data.latent_shape);
  await showPicture(data.picture);
}

function drawNear(near) {
  parts.ten.hidden = false;
  refill(parts.near, ...Object.entries(SPACES).map(([space, name]) => {
    const column = make("div"), grid = make("div", { className: "grid" });
    const { usual } = atlas.about.spaces[space];
    grid.append(...near[space].map(([index, far]) => thumb(index, round(far))));
    column.append(make("b", {}, name), make("span", {}, ` · usual distance of the nearest: ${round(usual)}`), grid);
    return column;
  }));
}

async function decodeSpot(...at) {
  const mine = ++looked, space = parts.space.value, drawing = parts.drawing.value;
  choose(null);
  scatter.mark(at);
  const spot = await askModel("spot", { space, drawing, at }, parts.about, () => mine === looked);
  if (mine !== looked || !spot) return;
  await showPicture(spot.picture);
  const [drawn, far] = [spot.drawn, spot.far];
  const where = drawn > 3 ? "Far from any dot" : drawn > 1 ? "At the edge of the dots" : "Among the dots";
  const title = make("b", {}, `${where}: a guess`);
  const rms = `its numbers are ${Math.round(100 * spot.rms[0] / spot.rms[1])} % as large as theirs`;
  parts.about.replaceChildren(title, make("br"),
    `The mean of ten latents (${rms}, as means are: it looks blurred). ` +
    `On the drawing the nearest dot is ${round(drawn)} gaps away, and nineteen dots of twenty are ` +
    `within one gap of another. In the whole latent space the mean is ${round(far)} from “${caption(spot.nearest)}” (usual: ${round(spot.usual)}).`);
  parts.latents.hidden = true;
  parts.ten.hidden = true;
  refill(parts.near, labelled("The ten pictures that were averaged", spot.of.map((i) => thumb(i))));
}

function labelled(words, nodes) {
  const column = make("div", { className: "wide" }), grid = make("div", { className: "strip" });
  grid.append(...nodes);
  column.append(make("b", {}, words), grid);
  return column;
}

scatter.onempty = decodeSpot;
listeners.push(look);
