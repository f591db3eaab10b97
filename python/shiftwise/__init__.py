"""shiftwise: INQ retraining in PyTorch, and ONNX files that the shiftwise runtime takes as they are."""

from .activations import ActivationQuantizer, LevelsEncoding, Linear, LinearEncoding, LogQuant
from .errors import ShiftwiseError
from .export import export_onnx
from .inq import INQ, LayerLevels, Levels, StepReport
from .prepare import calibrate, prepare

__all__ = [
    "INQ",
    "ActivationQuantizer",
    "LayerLevels",
    "Levels",
    "LevelsEncoding",
    "Linear",
    "LinearEncoding",
    "LogQuant",
    "ShiftwiseError",
    "StepReport",
    "calibrate",
    "export_onnx",
    "prepare",
]
__version__ = "0.1.0"
