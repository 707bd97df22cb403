"""The icons: every set rendered to 128 px with transparency, and named."""

import hashlib
import io
import json
import multiprocessing
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ldm.colours import dominant_hue
from ldm.training import sources, wordnet

SIZE = 128  # pixels
LEFT_OUT = {  # emojibase subgroups that draw writing or repeat one drawing many times
    "keycap",
    "alphanum",
    "country-flag",
    "subdivision-flag",
    "skin-tone",
    "hair-style",
}
MISNAMED = {"construction"}  # what is drawn is a barrier, not what WordNet calls so
FACES = "smileys-emotion"  # the group of which keywords say what is felt
REVOLVERS = {("1F52B", s) for s in ("noto-v1", "fxemoji", "emojione", "streamline")}


@dataclass(frozen=True)
class Icon:
    """One drawing: what it shows and which set drew it.

    concept: code points, the same for all drawings of one thing; name and synonyms: words people
    type; keywords: loosely related words; group, subgroup: Unicode's categories; hue: degrees, of
    the one colour that most of it has, or None; box: left, top, right, bottom of what is drawn;
    kinds: what it or a kind of it may also be called.
    """

    concept: str
    source: str
    name: str
    synonyms: tuple[str, ...]
    keywords: tuple[str, ...]
    group: str
    subgroup: str
    hue: float | None = None
    box: tuple[int, int, int, int] = (0, 0, SIZE, SIZE)
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class IconSet:
    """All rendered icons. pictures: uint8 [N, 128, 128, 4], straight alpha, memory-mapped."""

    icons: tuple[Icon, ...]
    pictures: np.ndarray

    def select(self, keep) -> "IconSet":
        """The icons for which keep(icon) is true; pictures stay memory-mapped."""
        index = [i for i, icon in enumerate(self.icons) if keep(icon)]
        return IconSet(tuple(self.icons[i] for i in index), _Rows(self.pictures, index))


class _Rows:
    """Rows of an array by a list of indices, without copying them."""

    def __init__(self, array, index):
        self.array, self.index = array, index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i: int):
        return self.array[self.index[i]]


def held_out(*key: str, one_in: int = 20) -> bool:
    """Whether this key belongs to the held-out part, the same on every machine and run."""
    digest = hashlib.sha256("\n".join(key).encode()).digest()
    return int.from_bytes(digest[:4], "big") % one_in == 0


def load(work: Path) -> IconSet:
    """The rendered icons below `work`. Raises FileNotFoundError before `data` has been run."""
    if not (work / "icons.json").exists():
        raise FileNotFoundError(f"no icons in {work}: run `data` first")
    rows = json.loads((work / "icons.json").read_text(encoding="utf-8"))
    icons = tuple(
        Icon(**{k: tuple(v) if isinstance(v, list) else v for k, v in r.items()}) for r in rows
    )
    return IconSet(icons, np.load(work / "icons.npy", mmap_mode="r"))


def build(work: Path) -> IconSet:
    """Fetches, names and renders every set; writes icons.npy and icons.json below `work`."""
    names = _Names(sources.fetch(sources.NAMES, work) / "package" / "en")
    jobs = []
    for source in (*sources.ICON_SETS, sources.HELD_OUT_SET):
        folder = sources.fetch(source, work) / "package"
        read = _read_files if (folder / "assets").exists() else _read_iconify
        seen = set()
        for key, drawing in read(folder):
            icon = names.icon(key, source.name)
            if icon and icon.concept not in seen:
                seen.add(icon.concept)
                jobs.append((icon, drawing))
    jobs.sort(key=lambda job: len(job[0].concept))  # "person biking" before "man biking"
    with multiprocessing.Pool() as pool:
        rendered = [r for r in pool.imap(_render, jobs, chunksize=32) if r is not None]
    drawn = {(icon.source, pixels.tobytes()): (icon, pixels) for icon, pixels in rendered[::-1]}
    icons, pictures = zip(*reversed(drawn.values()), strict=True)  # the first of equal drawings
    nouns = wordnet.nouns(work)
    icons = of_feelings(_with_kinds(icons, nouns), nouns)
    np.save(work / "icons.tmp.npy", np.stack(pictures))
    (work / "icons.json").unlink(missing_ok=True)
    os.replace(work / "icons.tmp.npy", work / "icons.npy")
    (work / "icons.json").write_text(json.dumps([asdict(icon) for icon in icons]), encoding="utf-8")
    return load(work)


def _with_kinds(icons: Sequence[Icon], nouns: wordnet.Nouns) -> tuple[Icon, ...]:
    """The icons with their kinds: of their names two levels deep, then what synonyms mean too.

    Not the kinds of synonyms, for what one says may be wide: a construction is any building; nor
    of women and men as such, for which WordNet has unkind words.
    """
    groups = {word: icon.group for icon in icons for word in icon.synonyms}
    groups |= {icon.name: icon.group for icon in icons}
    deep = {icon.name for icon in icons if icon.subgroup != "person"} - MISNAMED
    named = {name: group for name, group in groups.items() if name in deep}
    also = {word: group for word, group in groups.items() if word not in deep | MISNAMED}
    kinds = nouns.kinds(named, groups, 2) | nouns.kinds(also, groups, 0)

    def of(icon: Icon) -> tuple[str, ...]:
        words = (icon.name, *icon.synonyms)
        return tuple(dict.fromkeys(kind for word in words for kind in kinds.get(word, ())))

    return tuple(replace(icon, kinds=of(icon)) for icon in icons)


def of_feelings(icons: Sequence[Icon], nouns: wordnet.Nouns) -> tuple[Icon, ...]:
    """The icons, of which faces have no keyword that is a person or a thing: no masked doctor."""
    things = {word for word, field in nouns.things().items() if field in wordnet.SEEN}

    def of(icon: Icon) -> tuple[str, ...]:
        return tuple(word for word in icon.keywords if icon.group != FACES or word not in things)

    return tuple(replace(icon, keywords=of(icon)) for icon in icons)


def report(icon_set: IconSet) -> str:
    """A table: icons and licence of each set."""
    by_name = {s.name: s for s in (*sources.ICON_SETS, sources.HELD_OUT_SET)}
    lines = []
    for name, source in by_name.items():
        count = sum(icon.source == name for icon in icon_set.icons)
        lines.append(f"{name:12} {count:6}  {source.licence:13} {source.package} {source.version}")
    concepts = len({icon.concept for icon in icon_set.icons})
    return "\n".join([*lines, f"{'all':12} {len(icon_set.icons):6}  {concepts} concepts"])


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("’", "").replace("&", "and"))


class _Names:
    """Finds the emoji that a set's own name or code points stand for."""

    def __init__(self, folder: Path):
        groups = json.loads((folder / "messages.json").read_text(encoding="utf-8"))
        self.groups = {g["order"]: g["key"] for g in groups["groups"]}
        self.subgroups = {g["order"]: g["key"] for g in groups["subgroups"]}
        self.entries = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        self.shortcodes: dict[str, list[str]] = {}
        for name in ("cldr", "emojibase", "github", "iamcal", "joypixels"):
            table = json.loads((folder / "shortcodes" / f"{name}.json").read_text(encoding="utf-8"))
            for code, short in table.items():
                found = [short] if isinstance(short, str) else short
                self.shortcodes.setdefault(code, []).extend(found)
        self.by_key = {_code(entry["hexcode"]): entry for entry in self.entries}
        self.by_key |= {_slug(entry["label"]): entry for entry in self.entries}
        meant = Counter(_words(entry["label"]) for entry in self.entries)
        for entry in self.entries:
            for short in set(map(_words, self.shortcodes.get(entry["hexcode"], ()))):
                meant[short] += short != _words(entry["label"])
                if re.search("[a-z]", short):
                    self.by_key.setdefault(_slug(short), entry)
        self.ambiguous = {words for words, count in meant.items() if count > 1}

    def icon(self, key: str, source: str) -> Icon | None:
        """The icon that `key` names (a file's code points or a name), None if left out."""
        entry = self.by_key.get(_code(key)) or self.by_key.get(_slug(re.sub(r"-\d$", "", key)))
        if entry is None or "group" not in entry or not self._wanted(entry):
            return None
        if (_code(entry["hexcode"]), source) in REVOLVERS:  # under the name of a water pistol
            return None
        words = [_words(s) for s in self.shortcodes.get(entry["hexcode"], ())]
        name = _words(entry["label"])
        words = [w for w in words if w != name and re.fullmatch(r"[a-z ]{3,}", w)]
        synonyms = dict.fromkeys(w for w in words if w not in self.ambiguous)
        return Icon(
            _code(entry["hexcode"]),
            source,
            name,
            tuple(synonyms),
            tuple(entry.get("tags", ())),
            self.groups[entry["group"]],
            self.subgroups[entry["subgroup"]],
        )

    def _wanted(self, entry: dict) -> bool:
        subgroup, label = self.subgroups[entry["subgroup"]], entry["label"]
        clock_face = subgroup == "time" and re.search("thirty$|o.clock$", label)
        family = label.startswith("family:") or (
            subgroup == "family" and "200D" in entry["hexcode"]
        )
        return not (subgroup in LEFT_OUT or clock_face or family)


def _code(hexcode: str) -> str:
    return "-".join(p for p in hexcode.upper().split("-") if p != "FE0F")


def _words(name: str) -> str:
    """A label or a shortcode as people would write it."""
    name = re.sub("[“”]", "", name.replace("_", " ").replace("’", "'")).lower().strip()
    name = re.sub(r"^(.*): bald$", r"bald \1", name).replace(": facing", " facing")
    return name.replace(": ", " with ")


def _read_iconify(folder: Path):
    data = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    for name, icon in data["icons"].items():
        box = [
            icon.get(k, data.get(k, d))
            for k, d in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
        ]
        view = " ".join(map(str, box))
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
            f' viewBox="{view}" width="{box[2]}" height="{box[3]}">'
        )
        yield name, head + icon["body"] + "</svg>"


def _read_files(folder: Path):
    for path in sorted((folder / "assets").glob("*.webp")):
        yield path.stem, path


def _render(job) -> tuple[Icon, np.ndarray] | None:
    """The icon with its hue and box, and its picture; None where nothing was drawn."""
    import resvg_py

    icon, drawing = job
    if isinstance(drawing, Path):
        picture = Image.open(drawing)
    else:
        png = resvg_py.svg_to_bytes(svg_string=drawing, width=SIZE, height=SIZE)
        picture = Image.open(io.BytesIO(bytes(png)))
    picture = picture.convert("RGBA")
    picture.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (SIZE, SIZE))
    canvas.paste(picture, ((SIZE - picture.width) // 2, (SIZE - picture.height) // 2))
    pixels = np.asarray(canvas)
    box = canvas.getchannel("A").point(lambda a: 255 * (a > 12)).getbbox()
    if box is None or (pixels[..., 3] > 127).mean() < 0.01:
        return None
    return replace(icon, hue=dominant_hue(pixels), box=box), pixels
