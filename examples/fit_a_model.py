"""The high-level interface: draw digits, train a network with `Model.fit`, save, resume, and write an inference model.

    pip install "minipaddle[progress]"     # for a progress bar; without tqdm there are lines instead
    python fit_a_model.py
"""
from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import minipaddle as paddle
from minipaddle import nn
from minipaddle.metric import Accuracy
from minipaddle.static import InputSpec

SIZE = 28
# The seven strokes of a digital clock, as pairs of corners (x, y) of a 2 by 4 grid, and which of them each digit has.
STROKES = [((0, 0), (2, 0)), ((2, 0), (2, 2)), ((2, 2), (2, 4)), ((0, 4), (2, 4)), ((0, 2), (0, 4)), ((0, 0), (0, 2)), ((0, 2), (2, 2))]
DIGITS = ["012345", "12", "01346", "01236", "1256", "02356", "023456", "012", "0123456", "012356"]


class DrawnDigits(paddle.io.Dataset):
    """Digits of another slant, size, place and line width each time. Items: float32 [1, 28, 28] in 0 to 1, int64 [1]."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 10, (count, 1))
        self.pictures = np.stack([self.draw(int(label), rng) for label in self.labels[:, 0]])

    @staticmethod
    def draw(digit: int, rng: np.random.Generator) -> np.ndarray:
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
        scale, slant, width = rng.uniform(3.2, 4.4), rng.uniform(-0.3, 0.3), rng.uniform(1.0, 1.7)
        left, top = rng.uniform(6, 11), rng.uniform(4, 8)
        distance = np.full((SIZE, SIZE), np.inf, np.float32)
        for stroke in DIGITS[digit]:
            ends = np.array(STROKES[int(stroke)], np.float32) + rng.normal(0, 0.08, (2, 2))
            ax, bx = left + scale * (ends[:, 0] + slant * (2 - ends[:, 1]))
            ay, by = top + scale * ends[:, 1]
            along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
            along = np.clip(along, 0, 1)
            distance = np.minimum(distance, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
        picture = np.clip(width + 0.5 - distance, 0, 1) + rng.normal(0, 0.15, (SIZE, SIZE))
        return np.clip(picture, 0, 1).astype(np.float32)[None]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.pictures[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)


def network() -> nn.Layer:
    return nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2),
        nn.Conv2D(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2),
        nn.Flatten(), nn.Linear(16 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def model() -> paddle.Model:
    """A network with an optimizer, a loss and a metric."""
    made = paddle.Model(network(), InputSpec([None, 1, SIZE, SIZE], "float32", "picture"), InputSpec([None, 1], "int64", "label"))
    schedule = paddle.optimizer.lr.StepDecay(learning_rate=0.003, step_size=60, gamma=0.5)
    made.prepare(
        paddle.optimizer.Adam(schedule, parameters=made.parameters()), nn.CrossEntropyLoss(), Accuracy(),
    )  # fmt: skip
    return made


def main() -> None:
    """Train, look, save, resume."""
    paddle.seed(1)
    train, test = DrawnDigits(4000, seed=0), DrawnDigits(1000, seed=1)
    folder = Path(tempfile.mkdtemp())

    first = model()
    first.summary()
    start = time.time()
    first.fit(train, test, batch_size=64, epochs=2, verbose=1, save_dir=str(folder / "checkpoints"))
    seconds = time.time() - start
    before = first.evaluate(test, batch_size=200, verbose=0)
    print(f"accuracy {before['acc']:.3f} after 2 epochs in {seconds:.1f} s: {'97% reached' if before['acc'] >= 0.97 else 'less than 97%'}")

    second = model()  # elsewhere, later: parameters, moments of Adam and the place in the schedule are taken up again
    second.load(str(folder / "checkpoints" / "final"))
    same = second.evaluate(test, batch_size=200, verbose=0)["acc"] == before["acc"]
    print(f"loaded: the same accuracy: {same}")
    second.fit(train, batch_size=64, epochs=1, verbose=2, log_freq=20)
    after = second.evaluate(test, batch_size=200, verbose=0)
    print(f"accuracy {after['acc']:.3f} after one more epoch")

    second.save(str(folder / "digits"), training=False)
    loaded = paddle.jit.load(str(folder / "digits"))
    loaded.eval()
    picture, label = test[0]
    print(f"the inference model reads a {int(loaded(paddle.to_tensor(picture[None])).argmax())}, drawn was a {int(label[0])}")
    print("written:", " ".join(sorted(f.name for f in folder.rglob("*") if f.is_file())))


if __name__ == "__main__":
    main()
