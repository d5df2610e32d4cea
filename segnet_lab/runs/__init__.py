"""Runs as files: where they lie, what they belong to, their recipe, and how their weights are written."""
