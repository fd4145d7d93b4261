"""Drives a target through scenarios and judges what happened."""
