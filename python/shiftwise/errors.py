"""errors.py: the one error class of the package."""

from __future__ import annotations


class ShiftwiseError(Exception):
    """Says what was found, what was expected, and where.

    ``code`` is BAD_OPTION for an argument, BAD_MODEL for a model that cannot be quantized, DONE for a step after the last one,
    UNSUPPORTED for a way of training that the package does not know, and DISAGREE for ranks with different weights.
    """

    def __init__(self, code: str, message: str, *, where: str = "", expected: str = "", found: object = None) -> None:
        self.code = code
        self.where = where
        self.expected = expected
        self.found = found
        parts = [f"{where}: {message}" if where else message]
        if expected:
            parts.append(f"expected {expected}")
        if found is not None:
            parts.append(f"found {found}")
        super().__init__(f"{code}: " + "; ".join(parts))
