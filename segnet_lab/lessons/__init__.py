"""Lessons: notebooks run and parametrised, their exercises, the classroom, the demo."""

from segnet_lab._support.folders import shipped
from segnet_lab._support.progress import headless

__all__ = ["headless", "shipped"]
