// Words in a PNG: the chunk `parameters`, where tools for diffusion models keep their settings.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const KEYWORD = "parameters";
const HEADER_END = 33; // of the signature and the chunk IHDR, which comes first

// Polynomial of the checksum that every chunk ends with (PNG specification, annex D).
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc = (data) => ~data.reduce((c, byte) => CRC[(c ^ byte) & 255] ^ (c >>> 8), -1) >>> 0;

// Returns the PNG with this text in it: tEXt holds Latin-1, anything else needs iTXt.
function addText(png, text) {
  const latin = [...text].every((char) => char.codePointAt(0) < 256);
  const words = latin
    ? Uint8Array.from(text, (char) => char.charCodeAt(0))
    : new TextEncoder().encode(text);
  const head = `${latin ? "tEXt" : "iTXt"}${KEYWORD}\0${latin ? "" : "\0\0\0\0"}`;
  const body = Uint8Array.from([...head].map((char) => char.charCodeAt(0)).concat([...words]));
  const chunk = new Uint8Array(body.length + 8), view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return new Blob([png.slice(0, HEADER_END), chunk, png.slice(HEADER_END)], { type: "image/png" });
}

// Returns the text that is in a PNG, or null if there is none, or the file is no whole PNG.
function findText(png) {
  if (SIGNATURE.some((byte, i) => png[i] !== byte)) return null;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = 8; at + 12 <= png.length; ) {
    const length = view.getUint32(at), end = at + 8 + length;
    if (end + 4 > png.length) return null;
    const kind = String.fromCharCode(...png.subarray(at + 4, at + 8));
    const text = readText(kind, png.subarray(at + 8, end));
    if (text !== null) return text;
    at = end + 4;
  }
  return null;
}

function readText(kind, data) {
  const zero = data.indexOf(0);
  if (!["tEXt", "iTXt"].includes(kind) || decodeLatin(data.subarray(0, zero)) !== KEYWORD) return null;
  if (kind === "tEXt") return decodeLatin(data.subarray(zero + 1));
  if (data[zero + 1]) return null; // compressed
  const language = data.indexOf(0, zero + 3), translated = data.indexOf(0, language + 1);
  return new TextDecoder().decode(data.subarray(translated + 1));
}

function decodeLatin(data) {
  return Array.from(data, (byte) => String.fromCharCode(byte)).join("");
}
