"""Runs the recorded conformance cases and checks the share that passes in each area: `conformance.py HARNESS`.

The shares are those promised so far; raise them when more is done, never lower them.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
from collections import Counter

LEAST = {"tensor": 90, "autograd": 90, "layer": 90, "optim": 90, "errors": 90, "data": 90, "nn": 60}  # percent


def main(harness: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "results.json")
        # its exit status is 1 unless everything passes, so only the results count
        subprocess.run([sys.executable, harness, "--quiet", "--json", str(out)], check=False)
        if not out.exists():
            print("the harness wrote no results")
            return 1
        results = json.loads(out.read_text(encoding="utf-8"))
    total = Counter(r["area"] for r in results.values())
    passed = Counter(r["area"] for r in results.values() if r["status"] == "pass")
    short = []
    for area in sorted(total):
        share, least = 100 * passed[area] / total[area], LEAST.get(area, 0)
        print(f"{area:10} {passed[area]:4} of {total[area]:4}  {share:5.1f}%  at least {least}%")
        if share < least:
            short.append(area)
            failing = [i for i, r in results.items() if r["area"] == area and r["status"] != "pass"]
            print(f"{'':10} too few; failing: {' '.join(failing)}")
    missing = sorted(set(LEAST) - set(total))
    if missing:
        print(f"no cases at all for: {' '.join(missing)}")
    return int(bool(short or missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
