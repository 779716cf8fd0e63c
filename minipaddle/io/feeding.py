"""How batches reach Tensors and, in static mode, the variables of a Program."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import xp as backend
from ..backend.place import Place
from ..core.context import context
from ..errors import NotSupportedError
from .dataloader.flat import to_tensors

__all__ = ["FeedList", "Feeding", "in_static_mode"]


class FeedList(list[Any]):
    """A batch as a list of Tensors that knows which variables they feed (`feed_names`); `Executor.run` takes it as feed."""

    feed_names: list[str]

    def __init__(self, values: Sequence[Any], feed_names: Sequence[str]) -> None:
        super().__init__(values)
        self.feed_names = list(feed_names)


def in_static_mode() -> bool:
    """Whether operators are being recorded for `Executor.run` rather than run or traced."""
    return context.recorder is not None and not context.recorder.tracing


def _places(places: Any) -> list[Place] | None:
    if places is None:
        return None
    found = [backend.parse(p) for p in (places if isinstance(places, (list, tuple)) else [places])]
    if len(found) != 1:
        raise NotSupportedError(f"places: one device is supported, got {len(found)}: {found}")
    return found


def _names(feed_list: Any) -> list[str]:
    entries = feed_list if isinstance(feed_list, (list, tuple)) else [feed_list]
    names = []
    for i, entry in enumerate(entries):
        name = entry if isinstance(entry, str) else getattr(entry, "name", None)
        if not isinstance(name, str):
            raise TypeError(f"feed_list: entry {i} must be a Variable or its name, got {type(entry).__name__}")
        names.append(name)
    return names


class Feeding:
    """Where the Tensors of a loader live and which variables they feed."""

    def __init__(self, feed_list: Any, places: Any) -> None:
        self.names = None if feed_list is None else _names(feed_list)
        self.places = _places(places)

    def tensors(self, batch: Any) -> Any:
        """The batch with Tensors for its arrays, on the device of the loader."""
        place = backend.current_place() if self.places is None else self.places[0]
        if place.kind == "cpu" and not backend._others:
            return to_tensors(batch, None)
        return to_tensors(batch, lambda array: backend.to_place(array, place))

    def finish(self, batch: Any, as_dict: bool) -> Any:
        """As `tensors`; in static mode with names a list that knows them, or a list of one dict."""
        batch = self.tensors(batch)
        if self.names is None or not in_static_mode():
            return batch
        values = batch if isinstance(batch, list) else [batch]
        if len(values) != len(self.names):
            raise ValueError(f"feed_list names {len(self.names)} variables {self.names}, but a batch has {len(values)} fields")
        if as_dict:
            return [dict(zip(self.names, values, strict=True))]
        return FeedList(values, self.names)
