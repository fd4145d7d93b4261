"""The version of this package, and nothing else: modules deep inside may import it."""

__version__ = "0.1.0"
