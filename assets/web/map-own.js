// One's own pictures: placed on the map, kept in this browser tab only.

async function take(files) {
  const wrong = [];
  openPanel("own");
  for (const file of files) {
    if (atlas.own.length >= MAX_OWN) {
      wrong.push(`At most ${MAX_OWN} pictures are kept: remove some first.`);
      break;
    }
    if (file.size > MAX_FILE) {
      wrong.push(`${file.name} is larger than 20 MB.`);
      continue;
    }
    parts.taken.textContent = `Placing ${file.name} …`;
    const name = file.name.replace(/\.\w+$/, "").replaceAll("_", " ").slice(0, 200) || "picture";
    const wait = (words) => (parts.taken.textContent = `Placing ${file.name}: ${words || "…"}`);
    const asked = { name, file: await toBase64(file) };
    const { data, error } = await askInLine("own", aboutThis(asked), wait).catch(lost);
    if (error) wrong.push(`${file.name}: ${error}`);
    else await keepOwn(data);
  }
  parts.taken.textContent = wrong.join(" ") || `${atlas.own.length} on the map, large and red`;
}

async function keepOwn(own) {
  own.image = await createImageBitmap(blob(own.thumbnail, "image/jpeg"));
  atlas.own.push(own);
  drawOwn();
  choose(atlas.n + atlas.own.length - 1);
}

function drawOwn() {
  const { sheet, side, n, own } = atlas, columns = sheet.width / side;
  own.forEach(({ image }, k) => {
    const [x, y] = [((n + k) % columns) * side, Math.floor((n + k) / columns) * side];
    sheet.getContext("2d").drawImage(image, x, y, side, side);
  });
  parts.owned.replaceChildren(...own.map(({ name }, k) => {
    const box = make("div"), remove = make("button", { className: "put" }, "remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.addEventListener("click", () => removeOwn(k));
    box.append(thumb(n + k, name), remove);
    return box;
  }));
  drawPoints();
}

function removeOwn(k) {
  atlas.own.splice(k, 1);
  if (atlas.chosen !== null && atlas.chosen >= atlas.n) choose(atlas.example[0]);
  drawOwn();
  parts.taken.textContent = `${atlas.own.length} on the map`;
}

parts.choose.addEventListener("click", () => parts.files.click());
parts.files.addEventListener("change", () => {
  take([...parts.files.files]);
  parts.files.value = "";
});
const carriesFiles = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
element.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
element.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  take([...event.dataTransfer.files]);
});
