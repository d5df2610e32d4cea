"""What an executed notebook holds."""

import nbformat


def printed(path):
    return "".join(
        o.text for c in nbformat.read(path, 4).cells for o in c.get("outputs", []) if o.get("name") == "stdout"
    )
