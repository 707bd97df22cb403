// Carrying a run away: as an address, a PNG, an animation, a file, a page; and opening such files.

const MAX_SAVED = 128e6; // bytes of a saved run, as in ldm/ui/studio.py
const FIELDS = ["prompt", "negative", "seed", "steps", "guidance", "guidance_from", "sampler", "model"];

// What the server answers; what is wrong is said in its own words.
async function ask(name, asked = null) {
  const { data, error } = await server[name](asked).catch(lost);
  if (error) say(error);
  return data;
}

// What a link or a PNG cannot say: where a run began that did not begin with pure noise.
function whence() {
  const { branch, picture } = state.run;
  return branch || picture ? ": it says what to draw, from pure noise. All tensors hold this very run" : "";
}

function address() {
  const fields = FIELDS.filter((name) => state.run[name] !== "");
  const query = new URLSearchParams(fields.map((name) => [name, state.run[name]]));
  return `${location.origin}${location.pathname}?${query}`;
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(address());
    say(`The link is copied${whence()}`);
  } catch {
    history.replaceState(null, "", address()); // a page that is not secure may not copy
    say(`The link is in the address bar${whence()}`);
  }
}

async function savePicture() {
  const { run, index } = state;
  draw(); // of a run that is being drawn, what is off screen is of an earlier step
  const blob = await new Promise((done) => parts.x0_hat.toBlob(done, "image/png"));
  const png = new Uint8Array(await blob.arrayBuffer());
  save(addText(png, `${run.parameters}, Step: ${index + 1}`), `${fileName()}-step-${index + 1}.png`, whence());
}

async function saveAnimation() {
  const data = await ask("animation", state.frames.map((frame) => frame.message.x0_hat));
  if (data) save(new Blob([bytes(data)], { type: "image/webp" }), `${fileName()}.webp`);
}

// Every tensor of the run, as the engine keeps it.
async function saveSteps() {
  say("Writing the tensors …");
  const data = await ask("steps", state.run.run);
  if (data) save(new Blob([bytes(data)]), `${fileName()}.safetensors`);
}

// One file, with this very viewer and the run in it, that needs no app.
async function savePage() {
  const { run, frames } = state, name = `${fileName()}.html`;
  const messages = [run, ...frames.map(({ message, words }) => ({ ...message, words }))];
  const page = await ask("offline");
  if (!page) return;
  const json = JSON.stringify(messages).replaceAll("<", "\\u003c");
  save(new Blob([page.replace("__RUN__", () => json)], { type: "text/html" }), name);
}

function fileName() {
  const words = state.run.prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) || ["run"];
  return `${words.join("-").slice(0, 60)}-seed-${state.run.seed}`;
}

function save(blob, name, more = "") {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`${name}, ${blob.size < 1e6 ? `${Math.ceil(blob.size / 1e3)} kB` : `${(blob.size / 1e6).toFixed(1)} MB`}${more}`);
}

async function readFile(file) {
  const isRun = file.name.endsWith(".safetensors"), most = isRun ? MAX_SAVED : MAX_FILE;
  if (file.size > most) return say(`This file is too large: at most ${most / 1e6} MB are read`);
  if (isRun) return trigger("upload", { file: await toBase64(file) });
  const text = findText(new Uint8Array(await file.arrayBuffer()));
  if (!/\bSteps: \d/.test(text)) return say("This file is no PNG with the settings of a run");
  trigger("input", { parameters: text });
  say("The form is filled in: press Enter in the prompt to draw it");
}

const isFile = (event) => server && event.dataTransfer && event.dataTransfer.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (isFile(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!isFile(event) || event.defaultPrevented) return;
  event.preventDefault(); // or the browser opens it
  if (isShown() && event.dataTransfer.files[0]) readFile(event.dataTransfer.files[0]);
});
parts.file.addEventListener("change", () => {
  if (parts.file.files[0]) readFile(parts.file.files[0]);
  parts.file.value = "";
});
parts.open.addEventListener("click", () => parts.file.click());
parts.copy.addEventListener("click", copyLink);
parts.png.addEventListener("click", savePicture);
parts.animation.addEventListener("click", saveAnimation);
parts.steps.addEventListener("click", saveSteps);
parts.page.addEventListener("click", savePage);
