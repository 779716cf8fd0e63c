"""``paddle.framework.random``: the seeds of Programs and of the generator."""
from __future__ import annotations

from ..static.program import default_main_program, default_startup_program
from ..tensor.random import get_rng_state, seed, set_rng_state

__all__ = ["get_rng_state", "seed", "set_rng_state"]


def _manual_program_seed(seed: int) -> None:
    """Give the default main and startup Program this seed."""
    default_main_program().random_seed = seed
    default_startup_program().random_seed = seed
