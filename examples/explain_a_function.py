"""See what to_static makes of a function: as text, and as a page to open in a browser."""
import minipaddle as paddle
from minipaddle import nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 64)
        self.out = nn.Linear(64, 10)
        self.scale = 2.0

    @paddle.jit.to_static
    def forward(self, x):
        h = nn.functional.relu(self.hidden(x))
        if h.mean() > 1:  # a Tensor decides: both sides become part of the Program
            h = h / self.scale  # a Python number: frozen
        return self.out(h)


net = Net()
report = paddle.jit.explain(net.forward, "float32[16, 784]", compare=True)
print(report)
report.save("explained.html")
print(f"\nwrote explained.html; {report.operations:,} multiply-adds, {report.parameter_count:,} parameters")

# The Program alone: a listing, and a script that builds and runs the same Program.
program = net.forward.concrete_program.main_program
print(program)
print(program.to_code().splitlines()[0])
