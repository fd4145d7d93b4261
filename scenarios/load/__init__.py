"""Profiles of load: traffic and weather over time, one a module."""
