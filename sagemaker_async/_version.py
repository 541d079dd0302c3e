"""The version: read by the build, and by whoever needs it without importing the rest."""

__all__ = ["__version__"]

__version__ = "0.1.0"
