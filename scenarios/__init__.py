"""The catalogue: one module a family, one function a row."""
