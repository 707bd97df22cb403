// Carrying a run away: as an address, a PNG, a page; and reading such a PNG back.

const FIELDS = ["prompt", "negative", "seed", "steps", "guidance", "sampler"];
const MAX_FILE = 20e6; // bytes of a PNG that is read

function address() {
  const fields = FIELDS.filter((name) => state.run[name] !== "");
  const query = new URLSearchParams(fields.map((name) => [name, state.run[name]]));
  return `${location.origin}${location.pathname}?${query}`;
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(address());
    say("The link is copied");
  } catch {
    history.replaceState(null, "", address()); // a page that is not secure may not copy
    say("The link is in the address bar");
  }
}

async function savePicture() {
  const { run, index } = state;
  const blob = await new Promise((done) => parts.x0_hat.toBlob(done, "image/png"));
  const png = new Uint8Array(await blob.arrayBuffer());
  save(addText(png, `${run.parameters}, Step: ${index + 1}`), `${fileName()}-step-${index + 1}.png`);
}

// One file, with this very viewer and the run in it, that needs no app.
async function savePage() {
  const { messages } = state, name = `${fileName()}.html`;
  const page = await server.offline();
  const json = JSON.stringify(messages).replaceAll("<", "\\u003c");
  save(new Blob([page.replace("__RUN__", () => json)], { type: "text/html" }), name);
}

function fileName() {
  const words = state.run.prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) || ["run"];
  return `${words.join("-").slice(0, 60)}-seed-${state.run.seed}`;
}

function save(blob, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`${name}, ${blob.size < 1e6 ? `${Math.ceil(blob.size / 1e3)} kB` : `${(blob.size / 1e6).toFixed(1)} MB`}`);
}

async function readPicture(file) {
  if (file.size > MAX_FILE) return say("This file is too large: a picture has at most 20 MB");
  const text = findText(new Uint8Array(await file.arrayBuffer()));
  if (text === null) return say("This file is no PNG with the settings of a run");
  trigger("input", { parameters: text });
  say("The form is filled in: press Enter in the prompt to draw it");
}

const isFile = (event) => server && event.dataTransfer && event.dataTransfer.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (isFile(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!isFile(event) || event.defaultPrevented) return;
  event.preventDefault();
  if (event.dataTransfer.files[0]) readPicture(event.dataTransfer.files[0]);
});
parts.file.addEventListener("change", () => {
  if (parts.file.files[0]) readPicture(parts.file.files[0]);
  parts.file.value = "";
});
parts.open.addEventListener("click", () => parts.file.click());
parts.copy.addEventListener("click", copyLink);
parts.png.addEventListener("click", savePicture);
parts.page.addEventListener("click", savePage);
