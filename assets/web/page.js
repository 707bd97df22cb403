// What every page does alike: taking files, numbers, new nodes, and closing what was opened to read.

const MAX_FILE = 20e6; // bytes of a file that is read
const isShown = () => element.getClientRects().length > 0; // not on a tab that is hidden

// What stands for an answer if there is none.
const lost = () => ({ error: "The app does not answer: is it still running?" });

// A file's content in base64.
function toBase64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    Object.assign(reader, { onload: () => done(reader.result.split(",")[1] || ""), onerror: fail });
    reader.readAsDataURL(file);
  });
}

// What is sent in base64.
const bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const packed = (numbers) =>
  btoa(Array.from(new Uint8Array(numbers.slice().buffer), (byte) => String.fromCharCode(byte)).join(""));
const floats = (base64) => new Float32Array(bytes(base64).buffer);

// A new node of the page with these properties; its children are nodes or text.
function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

// Puts other nodes into a place; the keyboard stays at the button that is where the pressed one was.
function refill(place, ...nodes) {
  const buttons = () => [...place.querySelectorAll("button")];
  const at = buttons().indexOf(document.activeElement);
  place.replaceChildren(...nodes);
  if (at >= 0) buttons().slice(0, at + 1).at(-1)?.focus({ preventScroll: true });
}

function number(x) {
  if (x === 0) return "0";
  if (Math.abs(x) >= 1000) return Math.round(x).toLocaleString("en");
  if (Math.abs(x) >= 0.0001) return String(Number(x.toPrecision(2)));
  const [digit, power] = x.toExponential(0).split("e-");
  return `${digit} × 10⁻${[...power].map((n) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[n]).join("")}`;
}

document.addEventListener("keydown", (event) => {
  const open = element.querySelector("details[name][open]");
  if (event.key === "Escape" && open) open.open = false;
});
element.addEventListener("click", (event) => {
  for (const open of element.querySelectorAll("details[name][open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
