"""Numbers of things as people write them."""


def counted(number: int, thing: str) -> str:
    """Such as "1 report" or "3 reports": for things whose plural is made with an s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
