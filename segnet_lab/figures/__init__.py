"""Pictures: plain functions that take data and return a matplotlib Figure. A widget only calls them.

`style` is the look they share; `label_maps` colours label maps; every other module draws one kind of picture.
"""
