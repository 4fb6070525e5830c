"""How a number of things is written."""


def counted(number, noun, several=None):
    """1 gives "1 row", 1200 "1,200 rows"; `several`: the noun of more than one, if it is not just an s longer."""
    return f"{number:,} " + (noun if number == 1 else several or noun + "s")


def capped(number, limit):
    """Of a count that stops one above a limit, 10,000: 12 gives "12", 10001 gives "10,000+"."""
    return f"{number:,}" if number <= limit else f"{limit:,}+"
