"""Fake providers that answer, and fail, the way real ones do."""
