// Which picture: of the gallery, a file, the clipboard, or the run that is shown on Generate.
// The page that has this chooser defines take(), which is called for every new picture.

const THUMBNAIL = 64; // pixels

let chosen = null; // { kind, caption, story, picture: PNG in base64, and index or run }
let asking = null; // what was asked for last

window.ldm = window.ldm || {};
parts.model.textContent = props.model && `Model: ${props.model}`;

// Chooses a picture; returns whether this one or a later one could be used.
async function choose(asked) {
  asking = asked;
  const found = await ask("picture", asked);
  if (asking !== asked) return true; // another one was chosen meanwhile
  if (!found) return false;
  const kind = "file" in asked ? "file" : "run" in asked ? "run" : "gallery";
  const picture = { ...found, kind, index: asked.index, run: asked.run };
  Object.assign(window.ldm, { picture });
  await accept(picture);
  return true;
}

async function accept(picture) {
  chosen = picture;
  parts.caption.textContent = chosen.caption && `“${chosen.caption}”`;
  parts.story.textContent = chosen.story;
  drawBitmap(parts.chosen, await decode(chosen.picture));
  await take();
}

async function chooseFile(file) {
  if (!file) return say("There is no picture.");
  if (file.size > MAX_FILE) return say("This file is too large: at most 20 MB are read.");
  await choose({ file: await toBase64(file) });
}

async function paste() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((type) => type.startsWith("image/"));
      if (type) return chooseFile(await item.getType(type));
    }
    say("There is no picture in the clipboard.");
  } catch {
    say("The browser does not let this page read the clipboard: press Ctrl+V instead.");
  }
}

function chooseRun() {
  if (window.ldm.run) return choose({ run: window.ldm.run.run });
  say("No run has been drawn on Generate yet.");
}

// Fills the shelf with small pictures, cut from one sheet.
async function openShelf() {
  const open = parts.shelf.hidden;
  parts.shelf.hidden = !open;
  parts.gallery.setAttribute("aria-expanded", open);
  if (!open || parts.shelf.childElementCount) return;
  const gallery = await ask("gallery");
  if (!gallery) return;
  const { columns } = gallery, sheet = `url(data:image/jpeg;base64,${gallery.sheet})`;
  gallery.captions.forEach((title, index) => {
    const button = make("button", { type: "button", title, ariaLabel: title });
    const [x, y] = [index % columns, Math.floor(index / columns)].map((n) => -n * THUMBNAIL);
    Object.assign(button.style, { backgroundImage: sheet, backgroundPosition: `${x}px ${y}px` });
    button.addEventListener("click", () => (openShelf(), choose({ index })));
    parts.shelf.append(button);
  });
  const credits = gallery.credits.map((text) => text.replace(/\[(.*?)\]\(.*?\)/g, "$1"));
  parts.shelf.append(make("p", { textContent: `Pictures: ${credits.join("; ")}.` }));
}

// Takes over what another page has chosen since, when this one is seen again.
async function arrive() {
  if (!isShown()) return;
  const { picture, run } = window.ldm;
  const stale = picture && picture.kind === "run" && run && run.run !== picture.run;
  if (picture && picture !== chosen && !stale) return accept((chosen = picture));
  if ((stale || (!chosen && run)) && (await chooseRun())) return;
  if (!chosen) choose({ index: 0 });
}

const isImage = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
element.addEventListener("dragover", (event) => isImage(event) && event.preventDefault());
element.addEventListener("drop", (event) => {
  if (!isImage(event)) return;
  event.preventDefault();
  chooseFile(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = event.clipboardData && event.clipboardData.files[0];
  if (file && isShown()) chooseFile(file);
});
parts.gallery.addEventListener("click", openShelf);
parts.upload.addEventListener("click", () => parts.file.click());
parts.file.addEventListener("change", () => {
  if (parts.file.files[0]) chooseFile(parts.file.files[0]);
  parts.file.value = "";
});
parts.paste.addEventListener("click", paste);
parts.from_run.addEventListener("click", chooseRun);
