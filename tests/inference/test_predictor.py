"""paddle.inference: handles, clones, configuration, errors."""
from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import inference
from minipaddle.formats import detect, lod_tensor, pdmodel


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network of two inputs and two outputs, and the prefix of its files."""

    class Net(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.linear = paddle.nn.Linear(4, 3)

        def forward(self, x, y):
            h = paddle.nn.functional.relu(self.linear(x))
            return h, h.sum(axis=1) + y

    net = Net()
    prefix = str(tmp_path_factory.mktemp("model") / "net")
    spec = [paddle.static.InputSpec([None, 4], "float32", "x"), paddle.static.InputSpec([None], "float32", "y")]
    paddle.jit.save(net, prefix, input_spec=spec)
    return net, prefix


def config(prefix):
    made = inference.Config(prefix + ".pdmodel", prefix + ".pdiparams")
    made.disable_glog_info()
    return made


def inputs(n=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, 4), dtype="float32"), rng.random(n, dtype="float32")


def run(predictor, *arrays):
    for name, array in zip(predictor.get_input_names(), arrays, strict=True):
        handle = predictor.get_input_handle(name)
        handle.reshape(array.shape)
        handle.copy_from_cpu(array)
    predictor.run()
    return [predictor.get_output_handle(n).copy_to_cpu() for n in predictor.get_output_names()]


def expected(net, *arrays):
    with paddle.no_grad():
        return [t.numpy() for t in net(*map(paddle.to_tensor, arrays))]


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("by", ["files", "prefix", "buffers"])
def test_results_are_those_of_the_layer(saved, by, optimize):
    net, prefix = saved
    c = config(prefix)
    if by == "prefix":
        c = inference.Config(prefix)
    elif by == "buffers":
        data = [Path(prefix + s).read_bytes() for s in (".pdmodel", ".pdiparams")]
        c = inference.Config()
        c.set_model_buffer(data[0], len(data[0]), data[1], len(data[1]))
        assert c.model_from_memory()
    c.switch_ir_optim(optimize)
    predictor = inference.create_predictor(c)
    assert predictor.get_input_names() == ["x", "y"]
    assert len(predictor.get_output_names()) == 2
    for n in (1, 5):
        for got, want in zip(run(predictor, *inputs(n)), expected(net, *inputs(n)), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6)
    assert "op_relu" in predictor.source or "relu" in predictor.source


def test_output_names_are_those_of_the_file(saved):
    names = inference.create_predictor(config(saved[1])).get_output_names()
    assert names == ["save_infer_model/scale_0.tmp_0", "save_infer_model/scale_1.tmp_0"]


def test_handles(saved):
    predictor = inference.create_predictor(config(saved[1]))
    x, y = inputs()
    handle = predictor.get_input_handle("x")
    assert handle.name() == "x" and handle.type() is inference.DataType.FLOAT32
    handle.copy_from_cpu(x)
    x[:] = 0  # a copy was taken
    assert handle.shape() == [2, 4] and handle.copy_to_cpu().any()
    assert handle.lod() == []
    handle.set_lod([[0, 1, 2]])
    assert handle.lod() == [[0, 1, 2]]
    handle.reshape([1, 4])
    with pytest.raises(ValueError, match=r"\[1, 4\].*\[2, 4\]"):
        handle.copy_from_cpu(x)
    handle.reshape([2, 4])
    handle.copy_from_cpu(x.reshape(-1))
    assert handle.shape() == [2, 4]
    shared = paddle.to_tensor(np.ones((2, 4), "float32"))
    handle.share_external_data(shared)
    assert (handle.copy_to_cpu() == 1).all()
    with pytest.raises(TypeError):
        handle.share_external_data(x)
    out = predictor.get_output_handle(predictor.get_output_names()[0])
    with pytest.raises(RuntimeError, match="run"):
        out.copy_to_cpu()
    with pytest.raises(RuntimeError, match="output"):
        out.copy_from_cpu(x)


def test_results_of_one_run_survive_the_next(saved):
    predictor = inference.create_predictor(config(saved[1]))
    first = run(predictor, *inputs(3, 1))
    kept = [a.copy() for a in first]
    run(predictor, *inputs(3, 2))
    assert all((a == b).all() for a, b in zip(first, kept, strict=True))


def test_run_with_tensors(saved):
    net, prefix = saved
    predictor = inference.create_predictor(config(prefix))
    results = predictor.run([paddle.to_tensor(a) for a in inputs()])
    for got, want in zip(results, expected(net, *inputs()), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)
        assert got.stop_gradient
    with pytest.raises(ValueError, match="2 Tensors"):
        predictor.run([paddle.ones([1, 4])])


def test_clones_serve_threads(saved):
    net, prefix = saved
    first = inference.create_predictor(config(prefix))
    predictors = [first, *(first.clone() for _ in range(3))]
    failures = []

    def work(k):
        for i in range(30):
            arrays = inputs(1 + k, 100 * k + i)
            want = expected(net, *arrays)
            if not all(np.allclose(a, b, rtol=1e-6) for a, b in zip(run(predictors[k], *arrays), want, strict=True)):
                failures.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    pool = inference.PredictorPool(config(prefix), 2)
    assert run(pool.retrive(1), *inputs())[0].shape == (2, 3)
    with pytest.raises(IndexError):
        pool.retrive(2)


def test_folder_of_one_point_x(tmp_path, saved):
    program = pdmodel.load_file(saved[1] + ".pdmodel")
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "__model__").write_bytes(pdmodel.dumps(program))
    (folder / "__params__").write_bytes(Path(saved[1] + ".pdiparams").read_bytes())
    predictor = inference.create_predictor(inference.Config(str(folder / "__model__"), str(folder / "__params__")))
    combined = run(predictor, *inputs())
    files = detect.ModelFiles(str(folder / "__model__"), str(folder / "__params__"))
    names = [v.name for v in program.persistables() if v.name not in ("feed", "fetch")]
    for name, array in detect.read_parameters(files, names).items():
        (folder / name).write_bytes(lod_tensor.dumps(array))
    (folder / "__params__").unlink()
    separate = run(inference.create_predictor(inference.Config(str(folder))), *inputs())
    assert all((a == b).all() for a, b in zip(combined, separate, strict=True))


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.ones((2, 4)), "float64"), (np.ones((2, 5), "float32"), r"\[2, 5\]"), (np.ones(4, "float32"), r"\[4\]")],
)
def test_inputs_that_do_not_fit(saved, array, message):
    handle = inference.create_predictor(config(saved[1])).get_input_handle("x")
    with pytest.raises(ValueError, match=f"'x'.*{message}"):
        handle.copy_from_cpu(array)


def test_mistakes(saved, tmp_path):
    predictor = inference.create_predictor(config(saved[1]))
    with pytest.raises(RuntimeError, match="'nope'.*'x', 'y'"):
        predictor.get_input_handle("nope")
    with pytest.raises(RuntimeError, match="nope"):
        predictor.get_output_handle("nope")
    with pytest.raises(RuntimeError, match="'x' has no value"):
        predictor.run()
    with pytest.raises(TypeError, match="list"):
        predictor.get_input_handle("x").copy_from_cpu([1.0])
    with pytest.raises(RuntimeError, match="nothing.pdmodel"):
        inference.create_predictor(inference.Config(str(tmp_path / "nothing.pdmodel"), "p"))
    with pytest.raises(RuntimeError, match="parameter file"):
        inference.create_predictor(inference.Config(saved[1] + ".pdmodel", str(tmp_path / "nothing.pdiparams")))
    with pytest.raises(RuntimeError, match="no model"):
        inference.create_predictor(inference.Config())
    with pytest.raises(TypeError):
        inference.create_predictor(saved[1])
    damaged = tmp_path / "damaged.pdmodel"
    damaged.write_bytes(Path(saved[1] + ".pdmodel").read_bytes()[:100])
    with pytest.raises(ValueError, match="damaged"):
        inference.create_predictor(inference.Config(str(damaged), saved[1] + ".pdiparams"))


def test_config_switches(saved):
    c = config(saved[1])
    c.enable_memory_optim()
    c.switch_use_feed_fetch_ops(False)
    c.switch_specify_input_names(True)
    c.delete_pass("conv_bn_fuse_pass")
    c.set_cpu_math_library_num_threads(2)
    assert c.specify_input_name() and not c.use_feed_fetch_ops_enabled() and c.cpu_math_library_num_threads() == 2
    assert not c.use_gpu() and not c.tensorrt_engine_enabled() and c.ir_optim()
    assert "net.pdmodel" in c.summary()
    with pytest.raises(NotImplementedError, match="TensorRT"):
        c.enable_tensorrt_engine(workspace_size=1 << 30)
    with pytest.raises(NotImplementedError, match="precision"):
        c.enable_mkldnn_bfloat16()
    with pytest.raises(AttributeError):
        c.enable_magic()
    with pytest.raises(ValueError):
        c.set_cpu_math_library_num_threads(0)


def test_gpu_is_refused_where_there_is_none(saved):
    if paddle.is_compiled_with_cuda():
        pytest.skip("there is a GPU")
    with pytest.raises((ImportError, RuntimeError), match="(?i)gpu"):
        config(saved[1]).enable_use_gpu(100, 0)


def test_memory_is_let_go(saved):
    predictor = inference.create_predictor(config(saved[1]))
    run(predictor, *inputs())
    assert predictor.try_shrink_memory() == 2 * 4 * 4 + 2 * 4 + 2 * 3 * 4 + 2 * 4
    assert predictor.try_shrink_memory() == 0
    predictor.clear_intermediate_tensor()
    assert "2.6" in inference.get_version()
    assert inference.get_num_bytes_of_data_type(inference.DataType.INT64) == 8
