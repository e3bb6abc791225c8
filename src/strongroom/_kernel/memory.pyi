"""How memory is handed out."""

def reuse_memory(most: int) -> None:
    """Blocks of up to ``most`` bytes (32 MiB at most) serve again when they were given back, from now on.

    Otherwise what is large goes back to the system at once, and is mapped anew page by page.
    """
