// What every page does alike: taking files, and closing what was opened to read.

const MAX_FILE = 20e6; // bytes of a file that is read

// A file's content in base64.
function toBase64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    Object.assign(reader, { onload: () => done(reader.result.split(",")[1] || ""), onerror: fail });
    reader.readAsDataURL(file);
  });
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
