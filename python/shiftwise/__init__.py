"""shiftwise: INQ retraining in PyTorch, and ONNX files that the shiftwise runtime takes as they are."""

from .errors import ShiftwiseError
from .inq import INQ, LayerLevels, Levels, StepReport

__all__ = ["INQ", "LayerLevels", "Levels", "ShiftwiseError", "StepReport"]
__version__ = "0.1.0"
