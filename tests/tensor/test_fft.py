"""``paddle.fft`` and ``paddle.signal``: values, gradients, and the same results in every mode."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle

RNG = np.random.default_rng(3)
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ONE)
def test_one_axis(name, norm):
    x = RNG.standard_normal((4, 5))
    for n, axis in ((None, -1), (3, 0), (8, 1)):
        got = getattr(paddle.fft, name)(paddle.to_tensor(x), n, axis, norm)
        np.testing.assert_allclose(got.numpy(), getattr(np.fft, name)(x, n, axis, norm), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MANY)
def test_many_axes(name):
    x = RNG.standard_normal((3, 4, 6))
    for s, axes in ((None, (1, 2)), ((2, 8), (0, 2)), ((4, 4), (-1, -2))):
        got = getattr(paddle.fft, name)(paddle.to_tensor(x), s, axes)
        np.testing.assert_allclose(got.numpy(), getattr(np.fft, name)(x, s, axes), rtol=1e-10, atol=1e-12)


def test_hermitian_transforms_invert_each_other():
    x = paddle.to_tensor(RNG.standard_normal((3, 4, 6)))
    np.testing.assert_allclose(paddle.fft.hfftn(paddle.fft.ihfftn(x)).numpy(), x.numpy(), atol=1e-12)
    np.testing.assert_allclose(paddle.fft.hfft2(paddle.fft.ihfft2(x)).numpy(), x.numpy(), atol=1e-12)


def test_types():
    assert paddle.fft.fft(paddle.ones([4], "float32")).dtype == paddle.complex64
    assert paddle.fft.fft(paddle.ones([4], "int64")).dtype == paddle.complex64
    assert paddle.fft.irfft(paddle.ones([4], "complex128")).dtype == paddle.float64
    assert paddle.fft.rfftfreq(4, dtype="float64").dtype == paddle.float64


def _loss(name, x, **arguments):
    out = getattr(paddle.fft, name)(x, **arguments)
    parts = [out.real(), out.imag()] if out.dtype.is_complex else [out]
    return sum((p * paddle.to_tensor(np.cos(np.arange(p.size)).reshape(p.shape) + i)).sum() for i, p in enumerate(parts))


@pytest.mark.parametrize("name", ONE + MANY)
def test_gradients(name):
    """Against central differences, for the real and the imaginary part of the input; and the second derivative, which is 0."""
    whole = RNG.standard_normal((2, 3, 4)) + (1j * RNG.standard_normal((2, 3, 4)) if name[0] == "i" or name in ("fft", "hfft") else 0)
    if name == "ihfft":
        whole = whole.real
    arguments = {"norm": "ortho"} if name[-1] == "t" else {"s": [3, 6]} if name[-1] == "2" else {}
    x = paddle.to_tensor(whole, stop_gradient=False)
    (grad,) = paddle.grad(_loss(name, x, **arguments), [x], create_graph=True)
    step = 1e-6
    for at in ((0, 0, 0), (1, 2, 1), (1, 0, 3)):
        for unit in (1, 1j) if np.iscomplexobj(whole) else (1,):
            moved = np.zeros(whole.shape, whole.dtype)
            moved[at] = unit * step
            up, down = (float(_loss(name, paddle.to_tensor(whole + s * moved), **arguments)) for s in (1, -1))
            expected = grad.numpy()[at].real if unit == 1 else grad.numpy()[at].imag
            assert (up - down) / (2 * step) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: paddle.fft.fft(x, n=0), ValueError),
        (lambda x: paddle.fft.fft(x, n=2.5), ValueError),
        (lambda x: paddle.fft.rfft(x, axis=2), ValueError),
        (lambda x: paddle.fft.ifft(x, norm="both"), ValueError),
        (lambda x: paddle.fft.fftn(x, s=[2], axes=[0, 1]), ValueError),
        (lambda x: paddle.fft.fft2(x[0]), ValueError),
        (lambda x: paddle.signal.frame(x, 9, 1), ValueError),
        (lambda x: paddle.signal.frame(x, 2, 1, axis=1), ValueError),
        (lambda x: paddle.signal.stft(x, 9), AssertionError),
        (lambda x: paddle.signal.istft(x, 4), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error):
        call(paddle.ones([4, 5]))


def test_shifts():
    x = RNG.standard_normal((4, 5))
    for axes in (None, 0, [0, 1]):
        np.testing.assert_array_equal(paddle.fft.fftshift(paddle.to_tensor(x), axes).numpy(), np.fft.fftshift(x, axes))
        np.testing.assert_array_equal(paddle.fft.ifftshift(paddle.to_tensor(x), axes).numpy(), np.fft.ifftshift(x, axes))


@pytest.mark.parametrize("arguments", [{}, {"hop_length": 3}, {"win_length": 6, "center": False}, {"normalized": True, "onesided": False}])
def test_stft_and_back(arguments):
    x = RNG.standard_normal((2, 40))
    window = paddle.to_tensor(np.hanning(arguments.get("win_length", 8) + 2)[1:-1])
    spectrum = paddle.to_tensor(x).stft(8, window=window, **arguments)
    arguments = {k: v for k, v in arguments.items() if k != "onesided"} | {"onesided": arguments.get("onesided", True)}
    if not arguments.get("center", True):
        with pytest.raises(ValueError, match="gap"):  # the padded window is 0 at both ends
            spectrum.istft(8, window=window, **arguments)
        return
    back = spectrum.istft(8, window=window, **arguments)
    np.testing.assert_allclose(back.numpy(), x[:, : back.shape[1]], atol=1e-10)


def test_every_mode():
    x = RNG.standard_normal((3, 16)).astype("float32")

    def run(v):
        return paddle.signal.stft(v, 8), paddle.fft.irfft(paddle.fft.fft(v, 5), 8)

    eager = [t.numpy() for t in run(paddle.to_tensor(x))]
    traced = [t.numpy() for t in paddle.jit.to_static(run)(paddle.to_tensor(x))]
    paddle.enable_static()
    try:
        program = paddle.static.Program()
        with paddle.static.program_guard(program):
            outputs = run(paddle.static.data("x", [-1, 16]))
        assert list(outputs[0].shape) == [-1, 5, 9]
        static = paddle.static.Executor().run(program, feed={"x": x}, fetch_list=list(outputs))
    finally:
        paddle.disable_static()
    for a, b, c in zip(eager, traced, static, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)
        np.testing.assert_allclose(c, a, rtol=1e-6)
