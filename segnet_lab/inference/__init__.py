"""From an image to labels: whole, fast, with little memory, in tiles, with uncertainty, with a CRF."""
