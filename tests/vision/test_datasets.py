"""Image data sets read from local files."""
from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.vision import datasets, get_image_backend, image_load, set_image_backend

Image = pytest.importorskip("PIL.Image")


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def png(array):
    out = io.BytesIO()
    Image.fromarray(array).save(out, "png")
    return out.getvalue()


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("packed", [True, False])
def test_mnist(tmp_path, packed):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype="uint8")
    files = []
    for name, data in (("images", idx(images)), ("labels", idx(np.array([5, 0, 9], "uint8")))):
        files.append(tmp_path / name)
        files[-1].write_bytes(gzip.compress(data) if packed else data)
    d = datasets.MNIST(*map(str, files))
    image, label = d[1]
    assert len(d) == 3 and image.mode == "L" and (np.asarray(image) == images[1]).all()
    assert label.tolist() == [0] and label.dtype == np.int64
    arrays = datasets.FashionMNIST(*map(str, files), mode="test", backend="cv2", transform=lambda x: x[None])
    assert arrays[2][0].shape == (1, 28, 28) and arrays[2][0].dtype == np.float32
    batch = next(iter(paddle.io.DataLoader(arrays, batch_size=3)))
    assert batch[0].shape == [3, 1, 28, 28] and batch[1].shape == [3, 1]


def test_mnist_mistakes(tmp_path, no_cache):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte.gz.*image_path"):
        datasets.MNIST()
    with pytest.raises(AssertionError, match="image_path"):
        datasets.MNIST(download=False)
    with pytest.raises(AssertionError, match="'valid'"):
        datasets.MNIST(mode="valid")
    with pytest.raises(ValueError, match="tensor"):
        datasets.MNIST(backend="tensor")
    bad = tmp_path / "bad"
    bad.write_bytes(b"hello, this is no IDX file")
    with pytest.raises(ValueError, match="bad: not an IDX"):
        datasets.MNIST(str(bad), str(bad))
    short = tmp_path / "short"
    short.write_bytes(idx(np.zeros((3, 28, 28), "uint8"))[:-5])
    with pytest.raises(ValueError, match="cut off"):
        datasets.MNIST(str(short), str(bad))


def archive(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def test_cifar(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype="uint8")
    ten = {f"c/data_batch_{i}": pickle.dumps({b"data": rows[2 * i : 2 * i + 2], b"labels": [i, 9]}) for i in (0, 1)}
    ten["c/test_batch"] = pickle.dumps({b"data": rows[:1], b"labels": [7]})
    path = archive(tmp_path / "ten.tar.gz", ten)
    d = datasets.Cifar10(path)
    assert len(d) == 4 and d[2][1] == 1 and d[2][1].dtype == np.int64
    assert (np.asarray(d[2][0]) == rows[2].reshape(3, 32, 32).transpose(1, 2, 0)).all()
    assert datasets.Cifar10(path, "test", backend="cv2")[0][0].dtype == np.float32
    hundred = archive(tmp_path / "h.tar.gz", {"c/train": pickle.dumps({b"data": rows, b"fine_labels": [1, 2, 3, 99]})})
    assert int(datasets.Cifar100(hundred)[3][1]) == 99
    with pytest.raises(ValueError, match="test_batch"):
        datasets.Cifar10(hundred, "test")
    evil = archive(tmp_path / "e.tar.gz", {"c/data_batch_1": pickle.dumps(subprocess_like())})
    with pytest.raises(ValueError, match="asks for"):
        datasets.Cifar10(evil)


class subprocess_like:
    def __reduce__(self):
        return print, ("executed",)


def test_folders(tmp_path):
    for name in ("b/1.png", "a/2.PNG", "a/deep/3.png", "a/notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(np.full((2, 3, 3), 9, "uint8")))
    d = datasets.DatasetFolder(str(tmp_path))
    assert d.classes == ["a", "b"] and d.targets == [0, 0, 1] and d.class_to_idx == {"a": 0, "b": 1}
    image, target = d[2]
    assert image.size == (3, 2) and target == 1
    assert len(datasets.ImageFolder(str(tmp_path))) == 3
    assert datasets.ImageFolder(str(tmp_path), loader=lambda p: 1, transform=lambda x: x + 1)[0] == [2]
    assert len(datasets.DatasetFolder(str(tmp_path), is_valid_file=lambda p: p.endswith(".txt"), loader=open)) == 1
    with pytest.raises(RuntimeError, match="jpg"):
        datasets.ImageFolder(str(tmp_path), extensions=[".jpg"])
    with pytest.raises(RuntimeError, match="Found 0 files"):
        datasets.DatasetFolder(str(tmp_path / "b"))


def test_voc2012(tmp_path):
    root = "VOCdevkit/VOC2012/"
    members = {f"{root}ImageSets/Segmentation/{part}.txt": b"one\ntwo\n" for part in ("trainval", "train", "val")}
    for i, name in enumerate(("one", "two")):
        members[f"{root}JPEGImages/{name}.jpg"] = png(np.full((4, 5, 3), i, "uint8"))
        members[f"{root}SegmentationClass/{name}.png"] = png(np.full((4, 5), i, "uint8"))
    path = archive(tmp_path / "voc.tar", members, "w")
    d = datasets.VOC2012(path, backend="cv2")
    image, label = d[1]
    assert len(d) == 2 and image.shape == (4, 5, 3) and (label == 1).all() and image.dtype == np.float32
    copy = pickle.loads(pickle.dumps(d))
    assert (copy[1][0] == image).all()
    out = list(paddle.io.DataLoader(d, num_workers=2, batch_size=1))
    assert [int(y.max()) for _, y in out] == [0, 1]


def test_flowers_say_where_to_get_the_files(no_cache):
    with pytest.raises(FileNotFoundError, match="102flowers.tgz.*data_file"):
        datasets.Flowers()


def test_archive_reads_compressed_files(tmp_path):
    from minipaddle.vision.datasets.flowers import Archive

    a = Archive(archive(tmp_path / "a.tgz", {"jpg/x": b"abc", "jpg/y": b"defg"}))
    assert a.read("jpg/y") == b"defg" and pickle.loads(pickle.dumps(a)).read("jpg/x") == b"abc"
    with pytest.raises(KeyError, match="jpg/z"):
        a.read("jpg/z")


def test_image_backends(tmp_path):
    file = tmp_path / "i.png"
    colours = np.arange(18, dtype="uint8").reshape(2, 3, 3)
    file.write_bytes(png(colours))
    assert get_image_backend() == "pil"
    with image_load(file) as image:
        assert image.size == (3, 2)
    assert (image_load(file, "cv2") == colours[..., ::-1]).all()
    assert image_load(file, "tensor").shape == [3, 2, 3]
    with pytest.raises(ValueError, match="gif"):
        set_image_backend("gif")
    set_image_backend("cv2")
    try:
        assert isinstance(image_load(file), np.ndarray)
    finally:
        set_image_backend("pil")
