"""Learned image registration and cardiac motion models: the package under the executable thesis."""

__version__ = "0.1.0"
