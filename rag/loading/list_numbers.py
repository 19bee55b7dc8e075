"""Writes the numbers of list items as digits, letters or Roman numerals."""

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MAX_NUMBER = 3_999
"""The largest number that is written in letters or Roman numerals."""


def list_number(number: int, form: str) -> str:
    """Return the number of a list item in a form of Word, such as `lowerRoman`; other forms give its digits.

    >>> list_number(28, "lowerLetter"), list_number(9, "upperRoman"), list_number(7, "decimalZero")
    ('bb', 'IX', '07')
    """
    if form in ("lowerLetter", "upperLetter") and 0 < number <= MAX_NUMBER:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number <= MAX_NUMBER:
        numeral = ""
        for value, sign in _ROMAN:
            numeral += sign * (number // value)
            number %= value
        return numeral if form == "lowerRoman" else numeral.upper()
    return f"{number:02d}" if form == "decimalZero" else str(number)
