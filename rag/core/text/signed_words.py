"""Spells the words that differ by a sign alone, such as C, C++ and C#, in letters, so that they are searched apart."""

import re

_SIGNS = {"++": "plusplus", "+": "plus", "#": "sharp", "-": "minus"}
_LETTER = re.compile(r"(?<![\w+#.-])([A-Za-z])(\+\+|\+|#|(?<=[A-F])-)(?=[\s.,;:!?)\]}\"”’']|$)")
_DOT_NET = re.compile(r"(?<!\w)\.NET\b")
_SPELLED = re.compile(r"\A([A-Za-z])(plusplus|plus|sharp|minus)\Z")
_OF_SIGN = {name: sign for sign, name in _SIGNS.items()}


def spelled(text: str) -> str:
    """Return the text with its signed words in letters.

    >>> spelled("C++ or C# for grade A-, not A-frames, and .NET")
    'Cplusplus or Csharp for grade Aminus, not A-frames, and dotNET'
    """
    return _DOT_NET.sub("dotNET", _LETTER.sub(lambda match: match[1] + _SIGNS[match[2]], text))


def signed(word: str) -> str:
    """Return a word of a spelled text as it was written.

    >>> signed("Cplusplus"), signed("surplus"), signed("dotNET")
    ('C++', 'surplus', '.NET')
    """
    match = _SPELLED.match(word)
    return ".NET" if word == "dotNET" else match[1] + _OF_SIGN[match[2]] if match else word
