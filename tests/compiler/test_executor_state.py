"""Values prepared from parameters follow what training Programs, users and files do to the scope."""

from __future__ import annotations

import numpy as np

import minipaddle as paddle
from minipaddle import flags
from tests.compiler.common import normal


def test_an_evaluation_program_sees_training_in_the_same_scope():
    paddle.enable_static()
    try:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            x = paddle.static.data("x", [None, 1, 8, 8], "float32")
            y = paddle.static.data("y", [None, 1], "int64")
            h = paddle.nn.functional.relu(paddle.static.nn.batch_norm(paddle.static.nn.conv2d(x, 4, 3)))
            out = paddle.static.nn.fc(h, 3)
            test = main.clone(for_test=True)
            loss = paddle.nn.functional.cross_entropy(out, y)
            paddle.optimizer.Adam(learning_rate=0.1).minimize(loss)
        scope = paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            exe = paddle.static.Executor()
            exe.run(startup)
            images, labels = normal(6, 1, 8, 8), np.array([[0], [1], [2], [0], [1], [2]])

            def evaluated():
                return exe.run(test, feed={"x": images}, fetch_list=[out])[0]

            def plainly():
                with flags.scoped(passes=False):
                    return exe.run(test.clone(), feed={"x": images}, fetch_list=[out])[0]

            results = [evaluated()]
            for _ in range(3):
                exe.run(main, feed={"x": images, "y": labels}, fetch_list=[loss])
                results.append(evaluated())
                np.testing.assert_allclose(results[-1], plainly(), rtol=1e-4, atol=1e-5)
                assert not np.allclose(results[-1], results[-2])
            name = next(v.name for v in main.all_parameters() if v.name.startswith("conv2d"))
            tensor = scope.find_var(name).get_tensor()
            tensor.set(np.array(tensor) * 2, paddle.CPUPlace())
            np.testing.assert_allclose(evaluated(), plainly(), rtol=1e-4, atol=1e-5)
    finally:
        paddle.disable_static()
