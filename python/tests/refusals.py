"""refusals.py: what the tests of wrong use share."""

import pytest

torch = pytest.importorskip("torch")
from shiftwise import ShiftwiseError  # noqa: E402


def refusal(code, run, *words):
    """Insists that a call is refused with this code, in a message with these words."""
    with pytest.raises(ShiftwiseError) as caught:
        run()
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value)
