"""File formats: pairs of functions between bytes and plain objects or Programs.

    pdmodel       Programs (.pdmodel, __model__)
    pir_json      the same in the json of Paddle 3.x, read only
    lod_tensor    tensor streams (.pdiparams, one file per variable, binary tensors)
    pdparams      state dicts and nested objects (.pdparams, .pdopt)
    info          facts about variables (.pdiparams.info)
    safe_pickle   the unpickler and pickler that the two former use
    detect        what lies at a path, and which files belong together
    atomic        writing without leaving half a file behind

Readers check every length against what is left before they allocate, and raise `FormatError` (a ValueError) that names
the file.
"""

from __future__ import annotations
