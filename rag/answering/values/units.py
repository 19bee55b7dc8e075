"""The units of quantities: each has a dimension and the factor to the unit of that dimension.

Units of one system are converted (km and m, hours and minutes, MB and KB), so that equal amounts are equal.
Units of two systems are not (miles and km), because rounding would make two reports of one length differ.
"""

from fractions import Fraction

Unit = tuple[str, Fraction]

PREFIXES: dict[str, tuple[str, int | Fraction]] = {
    "T": ("tera", 10**12), "G": ("giga", 10**9), "M": ("mega", 10**6), "k": ("kilo", 10**3), "": ("", 1),
    "m": ("milli", Fraction(1, 10**3)), "µ": ("micro", Fraction(1, 10**6)), "n": ("nano", Fraction(1, 10**9)),
}  # fmt: skip
OTHER_PREFIXES = {"mikro": Fraction(1, 10**6), "mili": Fraction(1, 10**3)}
"""Prefixes of German and Spanish that are written otherwise."""
BASES = (
    # symbol, names, dimension, factor to the dimension's unit, prefixes in use
    ("m", "metre meter", "metre", 1, "k mµn"), ("g", "gram gramme gramm gramo", "gram", 1, "k mµn"),
    ("l", "litre liter litro", "litre", 1, " mµ"), ("L", "", "litre", 1, " mµ"), ("W", "watt", "watt", 1, "TGMk m"),
    ("Wh", "watt-hour wattstunde wattheure vatio-hora", "joule", 3600, "TGMk "),
    ("J", "joule", "joule", 1, "GMk "), ("cal", "calorie kalorie caloría", "calorie", 1, "k "),
    ("Hz", "hertz", "hertz", 1, "TGMk "), ("V", "volt", "volt", 1, "Mk mµ"), ("A", "amp ampere", "ampere", 1, "k mµ"),
    ("Pa", "pascal", "pascal", 1, "GMk "), ("bar", "", "pascal", 10**5, " m"), ("N", "newton", "newton", 1, "Mk "),
    ("B", "byte octet", "byte", 1, "TGMk "), ("bit", "", "bit", 1, "TGMk "), ("b", "", "bit", 1, "TGM"),
    ("bit/s", "", "bit/s", 1, "GMk "), ("bps", "", "bit/s", 1, "GMk "), ("B/s", "", "byte/s", 1, "GMk "),
    ("Ω", "ohm", "ohm", 1, "Mk m"), ("mol", "mole", "mole", 1, " mµ"), ("t", "tonne tonelada", "gram", 10**6, "M "),
)  # fmt: skip
SINGLE_UNITS: tuple[tuple[str, str, int | Fraction], ...] = (
    # names, dimension, factor
    ("cm centimetre centimeter zentimeter centimètre centímetro", "metre", Fraction(1, 100)),
    ("dm decimetre", "metre", Fraction(1, 10)),
    ("millimètre milímetro", "metre", Fraction(1, 1000)),
    ("mètre metro", "metre", 1), ("kilomètre kilómetro", "metre", 1000),
    ("kilo", "gram", 1000), ("tonnen", "gram", 10**6), ("mcg", "gram", Fraction(1, 10**6)),
    ("ton", "ton", 1), ("ounce oz unze", "ounce", 1), ("lb lbs pound pfund livre", "pound", 1),
    ("cl centilitre", "litre", Fraction(1, 100)), ("dl decilitre", "litre", Fraction(1, 10)),
    ("hl hectolitre", "litre", 100), ("barrel", "barrel", 1), ("gallon", "gallon", 1), ("pint", "pint", 1),
    ("mile meile mi", "mile", 1), ("nautical mile seemeile", "nautical mile", 1), ("foot feet ft fuß", "foot", 1),
    ("inch inches", "inch", 1), ("yard yd", "yard", 1), ("acre", "acre", 1),
    ("ha hectare hektar hectárea", "square metre", 10**4), ("m² m2 sqm quadratmeter", "square metre", 1),
    ("km² km2 quadratkilometer", "square metre", 10**6), ("cm² cm2", "square metre", Fraction(1, 10**4)),
    ("m³ m3 kubikmeter", "cubic metre", 1), ("cm³ cm3", "cubic metre", Fraction(1, 10**6)),
    ("s sec second sekunde seconde segundo", "second", 1), ("min minute minuto", "second", 60),
    ("ms millisecond", "second", Fraction(1, 1000)), ("h hr hour stunde heure hora", "second", 3600),
    ("day tag tage tagen jour día", "second", 86_400), ("week woche semaine semana", "second", 604_800),
    ("month monat mois mes", "month", 1), ("quarter-year", "month", 3),
    ("year yr jahr jahre jahren ans año", "month", 12),
    ("decade jahrzehnt", "month", 120), ("century jahrhundert siècle siglo", "month", 1_200),
    ("degree grad degré grado", "degree", 1), ("°", "degree", 1),
    ("°c celsius centígrado", "celsius", 1), ("°f fahrenheit", "fahrenheit", 1), ("kelvin", "kelvin", 1),
    ("km/h kph kmh", "km/h", 1), ("mph", "mph", 1), ("m/s", "m/s", 1), ("knot kn knoten", "knot", 1),
    ("kib", "byte", 2**10), ("mib", "byte", 2**20), ("gib", "byte", 2**30), ("tib", "byte", 2**40),
    ("hpa", "pascal", 100), ("ppm", "ppm", 1), ("db decibel", "decibel", 1), ("dpi", "dpi", 1),
    ("px pixel", "pixel", 1), ("rpm", "rpm", 1), ("hp horsepower ps", "horsepower", 1),
)  # fmt: skip
POWERS_AFTER = {
    "squared": 2,
    "carré": 2,
    "carrés": 2,
    "cuadrado": 2,
    "cuadrados": 2,
    "cubed": 3,
    "cube": 3,
    "cubes": 3,
    "cúbico": 3,
    "cúbicos": 3,
}
"""Words behind a unit of length that make it one of area or volume: `mètres carrés`."""
AREAS = ("square", "sq", "cubic", "quadrat", "carré", "cuadrado")

CURRENCIES = {
    "$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "dólar": "usd", "a$": "aud", "aud": "aud", "c$": "cad",
    "cad": "cad", "€": "eur", "eur": "eur", "euro": "eur", "£": "gbp", "gbp": "gbp", "sterling": "gbp",
    "¥": "jpy", "jpy": "jpy", "yen": "jpy", "yuan": "cny", "renminbi": "cny", "ruble": "rub", "rouble": "rub",
    "rubel": "rub", "rupee": "inr", "₹": "inr", "inr": "inr", "franc": "chf", "franken": "chf", "chf": "chf",
    "krona": "sek", "kronor": "sek", "sek": "sek", "kroner": "dkk", "dkk": "dkk", "nok": "nok", "zloty": "pln",
    "złoty": "pln", "pln": "pln", "peso": "peso", "lira": "lira", "manat": "azn", "shekel": "ils", "won": "krw",
    "cent": "cent", "cents": "cent", "pence": "penny", "penny": "penny", "céntimo": "cent", "centime": "cent",
}  # fmt: skip
PER = {
    "second": "second s sekunde seconde segundo", "minute": "minute min minuto", "hour": "hour h hr stunde heure hora",
    "day": "day tag jour día", "night": "night nacht nuit noche", "week": "week woche semaine semana",
    "month": "month monat mois mes", "year": "year yr jahr an año annum",
    "person": "person head personne persona capita kopf passenger visitor", "kilo": "kg kilo kilogram",
    "gram": "g gram", "litre": "l litre liter litro", "metre": "m metre meter mètre metro", "page": "page seite",
    "piece": "piece unit item stück pièce unidad", "kwh": "kwh", "child": "child kind enfant niño",
    "adult": "adult", "hectare": "hectare ha", "tonne": "tonne t",
}  # fmt: skip


def _symbols() -> dict[str, Unit]:
    """Return units by their symbol, in the case it is written in: mW is not MW."""
    symbols: dict[str, Unit] = {}
    for symbol, _, dimension, factor, prefixes in BASES:
        for prefix in prefixes:
            key = prefix.strip()
            symbols[key + symbol] = dimension, Fraction(factor) * PREFIXES[key][1]
    symbols |= {f"μ{symbol[1:]}": unit for symbol, unit in symbols.items() if symbol.startswith("µ")}
    return symbols


def _names() -> dict[str, Unit]:
    """Return units by their names in small letters, in the singular."""
    names: dict[str, Unit] = {}
    for _, words, dimension, factor, _ in BASES:
        for word in words.split():
            for prefix, scale in (*PREFIXES.values(), *OTHER_PREFIXES.items()):
                names[prefix + word] = dimension, Fraction(factor) * scale
    for words, dimension, size in SINGLE_UNITS:
        for word in [words] if dimension == "nautical mile" else words.split():
            names[word] = dimension, Fraction(size)
    return names | {"nautical mile": ("nautical mile", Fraction(1)), "seemeile": ("nautical mile", Fraction(1))}


UNIT_SYMBOLS, UNIT_NAMES = _symbols(), _names()
PER_NAMES = {word: canonical for canonical, words in PER.items() for word in words.split()}


def unit_of(word: str) -> Unit | None:
    """Return dimension and factor of a unit by symbol or name, None if it is none.

    >>> unit_of("mg"), unit_of("kilometres"), unit_of("MW") == unit_of("mW")
    (('gram', Fraction(1, 1000)), ('metre', Fraction(1000, 1)), False)
    """
    lowered = word.lower()
    for form in (word, *({word.upper(), word.lower()} if len(word) > 2 else ())):
        if form in UNIT_SYMBOLS:
            return UNIT_SYMBOLS[form]
    if lowered in ("kb", "mb", "gb", "tb"):
        return UNIT_SYMBOLS[lowered.upper().replace("KB", "kB")]
    if lowered in ("kg", "km", "mm", "ml"):
        return UNIT_SYMBOLS[lowered]
    return next((UNIT_NAMES[form] for form in singulars(lowered) if form in UNIT_NAMES), None)


def singulars(word: str) -> tuple[str, ...]:
    """Return a word in small letters and the singulars it may be the plural of, in four languages."""
    forms = [word]
    forms += [word[:-1]] if len(word) > 3 and word[-1] in "sn" and not word.endswith("ss") else []
    forms += [word[:-2]] if len(word) > 4 and word.endswith(("es", "en")) else []
    return tuple(forms)
