"""One endpoint in the hands of a user: `Predictor`, its streams, and what it does in the control plane."""

from __future__ import annotations

from .prediction import Prediction
from .predictor import DEFAULT_CONTENT_TYPE, Predictor

__all__ = ["DEFAULT_CONTENT_TYPE", "Prediction", "Predictor"]
