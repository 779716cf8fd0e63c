"""What the examples share: a small learnable data set and the network of the official "save and load" guide."""
from __future__ import annotations

import numpy as np

import minipaddle as paddle
from minipaddle import nn

IMAGE_SIZE = 784
CLASS_NUM = 10
BATCH_SIZE = 16


class Blobs(paddle.io.Dataset):
    """Ten noisy prototypes: something a linear layer can learn. Items: float32 [784], int64 [1]."""

    def __init__(self, num_samples: int, seed: int = 0) -> None:
        rng = np.random.default_rng(0)
        prototypes = rng.random((CLASS_NUM, IMAGE_SIZE), dtype=np.float32)
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, CLASS_NUM, (num_samples, 1))
        noise = rng.normal(0, 0.3, (num_samples, IMAGE_SIZE)).astype(np.float32)
        self.images = prototypes[self.labels[:, 0]] + noise

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)


class LinearNet(nn.Layer):
    """One linear layer from 784 pixels to 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(IMAGE_SIZE, CLASS_NUM)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self._linear(x)


def loader(num_samples: int = 64, seed: int = 0) -> paddle.io.DataLoader:
    """Batches of 16, drawn by two worker processes."""
    return paddle.io.DataLoader(Blobs(num_samples, seed), batch_size=BATCH_SIZE, shuffle=True, drop_last=True, num_workers=2)


def train(layer: nn.Layer, epochs: int = 4, learning_rate: float = 0.003) -> paddle.optimizer.Adam:
    """Train with Adam and print the mean loss of each epoch; returns the optimizer."""
    loss_fn = nn.CrossEntropyLoss()
    adam = paddle.optimizer.Adam(learning_rate=learning_rate, parameters=layer.parameters())
    batches = loader()
    layer.train()
    for epoch in range(epochs):
        losses = []
        for image, label in batches():
            loss = loss_fn(layer(image), label)
            loss.backward()
            adam.step()
            adam.clear_grad()
            losses.append(float(loss))
        print(f"epoch {epoch}: mean loss {np.mean(losses):.4f}")
    return adam


def accuracy(layer: nn.Layer, num_samples: int = 256) -> float:
    """Share of fresh samples that `layer` classifies rightly."""
    test = Blobs(num_samples, seed=1)
    layer.eval()
    with paddle.no_grad():
        predicted = layer(paddle.to_tensor(test.images)).numpy().argmax(axis=1)
    return float((predicted == test.labels[:, 0]).mean())
