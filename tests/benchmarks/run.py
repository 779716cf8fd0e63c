"""Times minipaddle beside real Paddle and PyTorch, each in an interpreter of its own, one after the other in turns.

    python tests/benchmarks/run.py --paddle PATH/TO/python --torch PATH/TO/python [--rounds 5] [WORKLOAD ...]

See README.md.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
TIMED = [
    "add", "linear-eager", "linear-static", "linear-traced-loss", "infer-eager", "infer-static", "executor",
    "mlp-eager", "mlp-static", "lenet-eager", "lenet-static",
]  # fmt: skip
CHECKS = ["import", "memory-linear-eager", "memory-linear-static"]
# which frameworks have which workloads
ONLY = {"numpy": {"linear-eager", "import"}, "torch": {"add", "linear-eager", "infer-eager", "mlp-eager", "lenet-eager", "import"}}


def interpreters(options: argparse.Namespace) -> dict[str, str]:
    """framework -> interpreter."""
    found = {"minipaddle": options.minipaddle or sys.executable, "numpy": options.minipaddle or sys.executable}
    for name in ("paddle", "torch"):
        path = getattr(options, name) or os.environ.get(f"MINIPADDLE_BENCH_{name.upper()}")
        if path:
            found[name] = path
    return found


def run_once(python: str, framework: str, workload: str) -> dict[str, Any] | None:
    """The result of one process, None if it failed (the reason goes to stderr)."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # imports are timed with bytecode
    command = [python, os.path.join(HERE, "workloads.py"), framework, workload]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    print(f"{framework} {workload} failed:\n{done.stderr[-1500:]}", file=sys.stderr)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"any of {', '.join(TIMED + CHECKS)}; all without one")
    parser.add_argument("--minipaddle", help="interpreter with minipaddle; this one without it")
    parser.add_argument("--paddle", help="interpreter with real Paddle (or MINIPADDLE_BENCH_PADDLE)")
    parser.add_argument("--torch", help="interpreter with PyTorch (or MINIPADDLE_BENCH_TORCH)")
    parser.add_argument("--rounds", type=int, default=3, help="processes per framework and workload")
    options = parser.parse_args()
    pythons = interpreters(options)
    print(f"{'workload':22s} {'framework':11s} {'min':>10s} {'median':>10s}   minipaddle / this one (min, median)")
    for workload in options.workloads or TIMED + CHECKS:
        if workload == "import":  # the first time writes the bytecode
            for framework, python in pythons.items():
                run_once(python, framework, workload)
        rows: dict[str, list[dict[str, Any]]] = {}
        for _ in range(options.rounds):
            for framework, python in pythons.items():
                if workload in ONLY.get(framework, {workload}):
                    found = run_once(python, framework, workload)
                    if found is not None:
                        rows.setdefault(framework, []).append(found)
        times = {f: [t * 1e6 for r in found for t in r["times"]] for f, found in rows.items()}
        own = times.get("minipaddle")
        for framework, values in times.items():
            least, middle = min(values), statistics.median(values)
            ratio = f"{min(own) / least:8.2f} {statistics.median(own) / middle:8.2f}" if own and framework != "minipaddle" else ""
            extra = "".join(
                f"  {key} {statistics.median(r[key] for r in rows[framework]):.1f}"
                for key in ("start_mb", "mb", "growth_mb") if key in rows[framework][0]
            )  # fmt: skip
            print(f"{workload:22s} {framework:11s} {least:8.1f}us {middle:8.1f}us {ratio}{extra}", flush=True)


if __name__ == "__main__":
    main()
