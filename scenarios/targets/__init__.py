"""Integrations that come ready to be judged."""
