"""Made-up scenes with exact labels: what paints `roadscenes` and `rooms`."""
