"""Open up a saved model: take its backbone, put a new head on it and train a small classifier.

    python new_head_on_a_loaded_model.py [PREFIX]

PREFIX: the prefix of a text recognition model for pictures [n, 3, 48, w], such as `.../ch_PP-OCRv4_rec_infer/inference` of
PP-OCR. Without one, a small convolutional network of that kind is made and saved first, and its files are used.
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import minipaddle as paddle
from minipaddle import nn
from minipaddle.jit import TranslatedLayer
from minipaddle.static import InputSpec

SHAPES = ("stripes", "slanted", "checks", "rings")
HEIGHT, WIDTH = 48, 64


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of noisy patterns, float32 [count, 3, 48, 64] in -1 to 1, and which of SHAPES each shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    labels = rng.integers(0, len(SHAPES), count)
    pictures = np.empty((count, 3, HEIGHT, WIDTH), np.float32)
    for picture, label in zip(pictures, labels, strict=True):
        period, shift = rng.uniform(8, 14), rng.uniform(0, 14)
        if label == 0:
            wave = np.sin(2 * np.pi * (y + shift) / period)
        elif label == 1:
            wave = np.sin(2 * np.pi * (x + y + shift) / period)
        elif label == 2:
            wave = np.sin(2 * np.pi * (x + shift) / period) * np.sin(2 * np.pi * (y + shift) / period)
        else:
            wave = np.sin(2 * np.pi * np.hypot(x - rng.uniform(20, 44), y - rng.uniform(16, 32)) / period)
        ink, paper = rng.uniform(-1, 0, 3), rng.uniform(0, 1, 3)
        picture[:] = np.where(wave > 0, ink[:, None, None], paper[:, None, None])
    noise = rng.normal(0, 0.2, pictures.shape).astype(np.float32)
    return np.clip(pictures + noise, -1, 1), labels


class Recogniser(nn.Layer):
    """A small text recogniser: convolutions that bring the height down, then class scores for each step in width."""

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2D(3, 16, 3, stride=2, padding=1), nn.BatchNorm2D(16), nn.Hardswish(),
            nn.Conv2D(16, 32, 3, stride=2, padding=1), nn.BatchNorm2D(32), nn.Hardswish(),
            nn.Conv2D(32, 48, 3, stride=(2, 1), padding=1), nn.BatchNorm2D(48), nn.Hardswish(),
            nn.MaxPool2D((6, 2), (6, 2)),
        )  # fmt: skip
        self.scores = nn.Linear(48, classes)

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        features = self.backbone(image).squeeze(2).transpose([0, 2, 1])
        return nn.functional.softmax(self.scores(features), axis=-1)


def features_of(model: TranslatedLayer) -> str:
    """Name of the backbone's result: the last pooling makes it; without one the last convolution."""
    operators = model.operators()
    made = [op for op in operators if op.type == "pool2d" and not op.attrs["adaptive"]]
    made = made or [op for op in operators if op.type == "conv2d"]
    return made[-1].output_arg_names[0]


class Classifier(nn.Layer):
    """A loaded backbone, its mean over the picture, and a new linear layer."""

    def __init__(self, backbone: TranslatedLayer, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, len(SHAPES))

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        return self.head(self.backbone(image).mean(axis=[2, 3]))


def train(net: Classifier, pictures: np.ndarray, labels: np.ndarray, epochs: int, learning_rate: float) -> None:
    """Adam on batches of 16; parameters that are frozen stay as they are."""
    adam = paddle.optimizer.Adam(learning_rate, parameters=[p for p in net.parameters() if not p.stop_gradient])
    rng = np.random.default_rng(0)
    net.train()
    for epoch in range(epochs):
        order, losses = rng.permutation(len(labels)), []
        for start in range(0, len(order), 16):
            chosen = order[start : start + 16]
            loss = nn.functional.cross_entropy(net(paddle.to_tensor(pictures[chosen])), paddle.to_tensor(labels[chosen]))
            loss.backward()
            adam.step()
            adam.clear_grad()
            losses.append(float(loss))
        print(f"  epoch {epoch}: mean loss {np.mean(losses):.4f}")


def accuracy(net: nn.Layer, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures that `net` names rightly."""
    net.eval()
    with paddle.no_grad():
        return float((net(paddle.to_tensor(pictures)).numpy().argmax(1) == labels).mean())


def main() -> None:
    paddle.seed(0)
    folder = Path(tempfile.mkdtemp())
    if len(sys.argv) > 1:
        prefix = sys.argv[1]
    else:
        prefix = str(folder / "recogniser" / "inference")
        paddle.jit.save(Recogniser(), prefix, input_spec=[InputSpec([None, 3, HEIGHT, None], "float32", "image")])

    model = paddle.jit.load(prefix)
    operators = model.operators()
    print(f"{len(operators)} operators, {len(model.parameters())} parameter tensors; the first operators:")
    for op in operators[:3]:
        print(op)

    name = features_of(model)
    backbone = model.extract(name)
    both = model.with_outputs(name)  # the model's own result, and the intermediate one
    pictures, labels = draw(96, seed=1)
    result, features = both(paddle.to_tensor(pictures[:2]))
    print(f"result {result.shape}, features {name} {features.shape}; the backbone alone has {len(backbone.operators())} operators")

    net = Classifier(backbone, features.shape[1])
    frozen = backbone.freeze("*")
    print(f"new head on a frozen backbone ({len(frozen)} tensors keep their values):")
    before = {n: p.numpy().copy() for n, p in backbone.named_parameters()}
    train(net, pictures, labels, epochs=8, learning_rate=0.02)
    assert all(np.array_equal(before[n], p.numpy()) for n, p in backbone.named_parameters())
    fresh = draw(128, seed=2)
    print(f"  accuracy on new pictures {accuracy(net, *fresh):.3f}")

    trained = backbone.unfreeze("*")
    print(f"everything trains ({len(trained)} tensors released):")
    # gentle steps for what has been trained before, large ones for the network that starts at random
    train(net, pictures, labels, epochs=4, learning_rate=0.0001 if len(sys.argv) > 1 else 0.002)
    print(f"  accuracy on new pictures {accuracy(net, *fresh):.3f}")

    net.eval()
    path = str(folder / "classifier" / "inference")
    paddle.jit.save(net, path, input_spec=[InputSpec([None, 3, HEIGHT, None], "float32", "image")])
    again = paddle.jit.load(path)
    same = np.allclose(again(paddle.to_tensor(fresh[0][:4])).numpy(), net(paddle.to_tensor(fresh[0][:4])).numpy(), atol=1e-5)
    print(f"saved as {path}.pdmodel; loaded again, equal results: {same}")


if __name__ == "__main__":
    main()
