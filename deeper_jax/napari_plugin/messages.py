"""What is said to a user of napari."""


def tell(sentence: str) -> None:
    """Show a mistake of the user's as napari's notification: one sentence, no traceback."""
    from napari.utils.notifications import show_error

    show_error(sentence)
