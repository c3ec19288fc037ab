#!/usr/bin/env python3
"""Runs detectors of hidden data on pictures that the program made.

    cargo build --release --example detector-pictures
    python3 run.py estimates PICTURES...      RS, sample pairs and WS, of replacement and of our modes
    python3 run.py default-cover [--count N]  can payload, less payload and used-up be told apart?
    python3 run.py trained PICTURES...        SPAM features and an ensemble, covert and fast
    python3 run.py side-by-side PICTURE OUT   cover, fast, ternary, covert and differences times 50

PICTURES are photographs or pictures drawn by the program (`scene:NUMBER:WIDTHxHEIGHT`). Needs numpy and
pillow. `--program` names the example's binary. Everything is repeatable: seeds are numbers.
"""

import argparse
import pathlib
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image

import estimators
import trained

WIDTH = 1224
CROP = 384


class Program:
    """The example that makes pictures."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.number = binary, pathlib.Path(folder), 0

    def make(self, wishes):
        """Pictures for (mode, bytes, cover) as arrays."""
        lines, files = [], []
        for mode, size, cover in wishes:
            self.number += 1
            files.append(self.folder / f"{self.number}.png")
            lines.append(f"{mode} {size} {self.number} {cover} {files[-1]}\n")
        subprocess.run([self.binary], input="".join(lines), text=True, check=True, stderr=-3)
        pictures = [load(file) for file in files]
        for file in files:
            file.unlink()
        return pictures

    def prepared(self, picture, width=WIDTH):
        """A cover file: a photograph scaled down, so that no traces of JPEG are left."""
        if picture.startswith("scene:"):
            return picture
        image = Image.open(picture).convert("RGB")
        height = round(image.height * width / image.width)
        self.number += 1
        file = self.folder / f"cover-{self.number}.png"
        image.resize((width, height), Image.LANCZOS).save(file)
        return str(file)


def load(file):
    return np.asarray(Image.open(file).convert("RGB"))


def replaced(cover, share, rng):
    """Replacement of lowest bits, what most tools do."""
    carrying = rng.random(cover.shape) < share
    bits = rng.integers(0, 2, cover.shape, dtype=np.uint8)
    return np.where(carrying, cover & 0xFE | bits, cover)


def psnr(cover, picture):
    error = np.mean((cover.astype(float) - picture) ** 2)
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def estimate(picture):
    return {n: np.mean([f(picture[..., c]) for c in range(3)]) for n, f in estimators.ALL.items()}


def estimates(program, pictures):
    rng = np.random.default_rng(1)
    rows = {}
    for picture in pictures:
        cover = program.prepared(picture)
        clean = program.make([("clean", 0, cover)])[0]
        room = clean.size
        wishes = {
            "fast, 0 B": ("fast", 0),
            "fast, 4.8 kB": ("fast", 4_800),
            "fast, 100 kB": ("fast", 100_000),
            "fast, full": ("fast", room // 8),
            "ternary, full": ("ternary", room // 12 * 19 // 8),
            "covert, 4.8 kB": ("covert", 4_800),
            "covert, 0.05 bit": ("covert", room // 160),
        }
        made = program.make([(mode, size, cover) for mode, size in wishes.values()])
        made = dict(zip(wishes, made))
        made["replacement, 100 kB"] = replaced(clean, 800_000 / room, rng)
        made["replacement, full"] = replaced(clean, 1, rng)
        for name, image in {"clean": clean, **made}.items():
            rows.setdefault(name, []).append({**estimate(image), "PSNR": psnr(clean, image)})
        print(picture, flush=True)
    clean = rows["clean"]
    print(f"| {len(clean)} pictures | RS | sample pairs | WS | PSNR dB |\n|---|---|---|---|---|")
    for name, found in rows.items():
        cells = []
        for method in estimators.ALL:
            values = 100 * np.array([row[method] for row in found])
            base = 100 * np.array([row[method] for row in clean])
            cells.append(f"{np.median(values):.1f} ({np.median(np.abs(values - base)):.1f})")
        noise = np.median([row["PSNR"] for row in found])
        print(f"| {name} | {' | '.join(cells)} | {noise:.1f} |", flush=True)
    print("median estimate in %, in brackets the median distance to the same picture clean")


def regions(difference):
    """Of 24 stretches: how many samples stayed, rose and fell; and what all of them compress to."""
    flat = difference.ravel()
    flat = flat[: len(flat) // 24 * 24].reshape(24, -1)
    counts = np.stack([(flat == move).sum(axis=1) for move in (0, 1, -1)], axis=1)
    packed = np.packbits(flat & 1)
    sizes = [len(zlib.compress(packed.tobytes(), 6)), len(zlib.compress(flat.tobytes(), 1))]
    runs = np.count_nonzero(np.diff(flat & 1, axis=1), axis=1)
    return counts, np.concatenate([counts[:, :2].ravel(), runs, sizes]).astype(float)


def default_cover(program, count):
    cover = "scene:0:cover"
    clean = program.make([("clean", 0, cover)])[0]
    room = clean.size // 8
    inner = np.minimum(np.maximum(clean, 1), 254) == clean
    classes = {"full": room, "4.8 kB": 4_800, "used up": 0}
    features = {name: [] for name in classes}
    chi = {name: [] for name in classes}
    for start in range(0, count, 50):
        for name, size in classes.items():
            for image in program.make([("fast", size, cover)] * min(50, count - start)):
                difference = image.astype(np.int8) - clean.astype(np.int8)
                counts, feature = regions(difference)
                features[name].append(feature)
                moves = difference[inner]
                seen = np.array([np.count_nonzero(moves == m) for m in (0, 1, -1)])
                wanted = len(moves) * np.array([0.5, 0.25, 0.25])
                chi[name].append(np.sum((seen - wanted) ** 2 / wanted))
        print(start + 50, "of", count, flush=True)
    bound = 9.21
    for name, values in chi.items():
        share = 100 * np.mean(np.array(values) > bound)
        print(f"{name}: chi-square of kept, risen, fallen: {share:.1f} % above {bound} (1 % expected)")
    for name, rows in features.items():
        rows = np.array(rows)
        sizes = rows[:, -2:]
        print(f"{name}: compressed difference {sizes.mean(axis=0)} +- {sizes.std(axis=0)} bytes")
    names = list(classes)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            right = tell_apart(np.array(features[first]), np.array(features[second]))
            sigma = 50 / np.sqrt(2 * count)
            print(f"{first} / {second}: {100 * right:.1f} % right (50 by chance, sigma {sigma:.1f})")


def tell_apart(a, b):
    """Share that a linear ensemble gets right, each half judged by what the other taught."""
    right = []
    for turn in range(2):
        rng = np.random.default_rng(turn)
        learn, judge = slice(turn, None, 2), slice(1 - turn, None, 2)
        ensemble = trained.Ensemble(rng, 31, 60).fit(a[learn], b[learn])
        right += [*(ensemble.votes(a[judge]) <= 0.5), *(ensemble.votes(b[judge]) > 0.5)]
    return np.mean(right)


def trained_detector(program, pictures):
    modes = {
        "covert, 0.0125 bit": ("covert", CROP * CROP * 3 // 640),
        "covert, 0.05 bit": ("covert", CROP * CROP * 3 // 160),
        "covert, 0.09 bit": ("covert", CROP * CROP * 3 * 9 // 800),
        "fast (always full)": ("fast", 4_800),
        "ternary (always full)": ("ternary", 4_800),
    }
    found = {name: [] for name in ["clean", *modes]}
    groups = []
    for group, picture in enumerate(pictures):
        whole = load_cover(program, picture)
        for crop in crops(whole):
            program.number += 1
            cover = program.folder / f"crop-{program.number}.png"
            Image.fromarray(crop).save(cover)
            try:
                made = program.make([(mode, size, cover) for mode, size in modes.values()])
            except subprocess.CalledProcessError:
                print("a piece without greys is left out", flush=True)
                continue
            for name, image in zip(found, [crop, *made]):
                found[name].append(trained.spam(image))
            groups.append(group)
            cover.unlink()
        print(picture, len(groups), flush=True)
    found = {name: np.array(rows) for name, rows in found.items()}
    groups = np.array(groups)
    for name in modes:
        errors, votes = [], []
        for split in range(10):
            rng = np.random.default_rng(split)
            learning = rng.permutation(len(pictures))[: len(pictures) // 2]
            learn = np.isin(groups, learning)
            ensemble = trained.Ensemble(rng).fit(found["clean"][learn], found[name][learn])
            judged = [ensemble.votes(found[kind][~learn]) for kind in ("clean", name)]
            errors.append(trained.error(*judged))
            votes.append(trained.vote_error(*judged))
        low, high = np.min(votes), np.max(votes)
        print(
            f"{name}: errs in {100 * np.mean(votes):.1f} % [{low:.3f}, {high:.3f}]"
            f" (best threshold in hindsight {100 * np.mean(errors):.1f} %)"
        )


def load_cover(program, picture):
    cover = program.prepared(picture, 1600)
    if cover.startswith("scene:"):
        return program.make([("clean", 0, cover)])[0]
    return load(cover)


def crops(whole):
    """Up to eight pieces without overlap."""
    rows, columns = whole.shape[0] // CROP, whole.shape[1] // CROP
    places = [(y, x) for y in range(rows) for x in range(columns)]
    return [whole[y * CROP :, x * CROP :][:CROP, :CROP] for y, x in places[:8]]


def side_by_side(program, picture, out):
    cover = program.prepared(picture, 640)
    clean = program.make([("clean", 0, cover)])[0]
    wishes = [("fast", 4_800, cover), ("ternary", 4_800, cover), ("covert", 4_800, cover)]
    made = program.make(wishes)
    shown = [clean, *made]
    apart = [np.clip(128 + 50 * (image.astype(int) - clean), 0, 255) for image in shown]
    rows = [np.concatenate(part, axis=1).astype(np.uint8) for part in (shown, apart)]
    Image.fromarray(np.concatenate(rows)).save(out)


def main():
    here = pathlib.Path(__file__).resolve().parent
    binary = here.parent.parent / "target" / "release" / "examples" / "detector-pictures"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["estimates", "default-cover", "trained", "side-by-side"])
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--program", default=str(binary))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(arguments.program, folder)
        if arguments.what == "estimates":
            estimates(program, arguments.pictures)
        elif arguments.what == "default-cover":
            default_cover(program, arguments.count)
        elif arguments.what == "trained":
            trained_detector(program, arguments.pictures)
        else:
            side_by_side(program, *arguments.pictures)


if __name__ == "__main__":
    main()
