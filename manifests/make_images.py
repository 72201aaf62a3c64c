"""Puts the pictures of these manifests into `images/`: photographs that scikit-image ships, and two drawn styles.

The photographs are in the public domain or CC0; scikit-image's `data/README.txt` and its documentation name their
sources. Run with scikit-image installed: `pip install '.[demo]'` in the checkout.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent / "images"
EDGE_PX = 384

PHOTOGRAPHS = {
    "astronaut.png": "astronaut.png",
    "brick.png": "brick.png",
    "cat.png": "chelsea.png",
    "coffee.png": "coffee.png",
    "grass.png": "grass.png",
    "gravel.png": "gravel.png",
    "ihc.png": "ihc.png",
    "motorcycle.png": "motorcycle_left.png",
    "retina.png": "retina.jpg",
    "rocket.png": "rocket.jpg",
}
"""File names here and in scikit-image."""


def main() -> None:
    """Writes every picture that is not there yet."""
    import skimage.data

    shipped = Path(skimage.data.__file__).parent
    FOLDER.mkdir(exist_ok=True)
    for name, source in PHOTOGRAPHS.items():
        path = FOLDER / name
        if not path.exists():
            if source.endswith(".png"):
                shutil.copyfile(shipped / source, path)
            else:
                Image.open(shipped / source).save(path)
    for name, draw in (("waves.png", waves), ("mosaic.png", mosaic), ("colorwheel.png", colorwheel)):
        if not (FOLDER / name).exists():
            draw().save(FOLDER / name)


def waves(seed: int = 7) -> Image.Image:
    """Returns a painting of short curved strokes that follow whirls, blue with ochre lights."""
    random = np.random.default_rng(seed)
    scale = 2  # drawn larger, then reduced: smooth edges
    edge = EDGE_PX * scale
    picture = Image.new("RGB", (edge, edge), (24, 44, 96))
    draw = ImageDraw.Draw(picture)
    centres = random.uniform(0, edge, (7, 2))
    spins = random.choice([-1.0, 1.0], 7)
    palette = np.array(
        [(18, 36, 92), (32, 74, 150), (64, 122, 186), (124, 172, 206), (206, 222, 214), (232, 190, 84), (246, 224, 140)]
    )
    for x, y in random.uniform(-20, edge + 20, (9000, 2)):
        away = np.array([x, y]) - centres
        distance = np.hypot(*away.T) + 1
        pull = (spins / distance)[:, None] * np.stack([-away[:, 1], away[:, 0]], 1) / distance[:, None]
        heading = np.arctan2(*pull.sum(0)[::-1])
        nearest = distance.min() / edge
        index = (5.5 - 22 * nearest if nearest < 0.1 else 3 * (0.5 + 0.5 * np.sin(40 * nearest))) + random.normal(
            0, 0.7
        )
        colour = palette[int(np.clip(round(index), 0, len(palette) - 1))] + random.integers(-12, 13, 3)
        points = [(x, y)]
        for _ in range(4):
            x, y = x + 11 * np.cos(heading), y + 11 * np.sin(heading)
            heading += 0.12
            points.append((x, y))
        draw.line(
            points,
            fill=tuple(int(c) for c in np.clip(colour, 0, 255)),
            width=int(random.integers(6, 12)),
            joint="curve",
        )
    return picture.resize((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)


def mosaic(seed: int = 3) -> Image.Image:
    """Returns a stained-glass window: bright cells with dark lead between them."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:EDGE_PX, 0:EDGE_PX]
    sites = random.uniform(0, EDGE_PX, (150, 2))
    distances = np.hypot(rows[..., None] - sites[:, 0], columns[..., None] - sites[:, 1])  # (H, W, sites)
    order = np.argpartition(distances, 1, axis=-1)[..., :2]
    first, second = np.take_along_axis(distances, order, -1).transpose(2, 0, 1)
    cell = np.where(first < second, order[..., 0], order[..., 1])
    palette = np.array(
        [(196, 30, 40), (236, 150, 22), (250, 214, 70), (30, 120, 70), (20, 90, 170), (90, 40, 120), (240, 236, 220)]
    )
    glass = palette[random.integers(0, len(palette), len(sites))][cell].astype(float)
    glass *= 0.85 + 0.3 * random.random((len(sites), 1))[cell]
    glass[np.abs(first - second) < 4] = (22, 20, 24)
    glass += random.normal(0, 5, glass.shape)
    return Image.fromarray(np.clip(glass, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


def colorwheel() -> Image.Image:
    """Returns every hue around a circle on white."""
    rows, columns = np.mgrid[0:EDGE_PX, 0:EDGE_PX] / (EDGE_PX - 1) * 2 - 1
    radius, hue = np.hypot(rows, columns), np.arctan2(rows, columns) / (2 * np.pi) % 1
    hsv = np.stack([hue, np.clip(radius, 0, 1), np.ones_like(hue)], -1)
    picture = np.array(Image.fromarray((hsv * 255).astype(np.uint8), "HSV").convert("RGB"))
    picture[radius > 1] = 255
    return Image.fromarray(picture)


if __name__ == "__main__":
    main()
