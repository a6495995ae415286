"""A slow and simple second reading of which cells EXCEL_SAFE guards, and how (docs/spec.md 3.15).

A form is a function that answers where it may end in a text if it begins at some place. There are
no regular expressions.
"""

from __future__ import annotations

from collections.abc import Callable

Form = Callable[[str, int], set[int]]

MOST_UNITS = 255
MOST_BYTES = 255
DIGITS = "0123456789"

# ---------------------------------------------------------------------------------------------
# Forms


def word(*words: str) -> Form:
    """One of these."""
    return lambda text, at: {at + len(one) for one in words if text.startswith(one, at)}


def digits(least: int, most: int) -> Form:
    """So many digits."""

    def ends(text: str, at: int) -> set[int]:
        found = {at} if least == 0 else set()
        for count in range(1, most + 1):
            if at + count > len(text) or text[at + count - 1] not in DIGITS:
                break
            if count >= least:
                found.add(at + count)
        return found

    return ends


def some(characters: str, least: int = 0) -> Form:
    """Any number of these characters, at least so many."""

    def ends(text: str, at: int) -> set[int]:
        found, end = set(), at
        while True:
            if end - at >= least:
                found.add(end)
            if end >= len(text) or text[end] not in characters:
                return found
            end += 1

    return ends


def row(*forms: Form) -> Form:
    """One after the other."""

    def ends(text: str, at: int) -> set[int]:
        found = {at}
        for form in forms:
            found = {end for start in found for end in form(text, start)}
        return found

    return ends


def either(*forms: Form) -> Form:
    """Any of these."""
    return lambda text, at: {end for form in forms for end in form(text, at)}


def maybe(*forms: Form) -> Form:
    """One after the other, or nothing."""
    return either(row(*forms), lambda _, at: {at})


def any_number_of(form: Form) -> Form:
    """The same again and again, or nothing."""

    def ends(text: str, at: int) -> set[int]:
        found, new = {at}, {at}
        while new:
            new = {end for start in new for end in form(text, start)} - found
            found |= new
        return found

    return ends


def spaced(*forms: Form) -> Form:
    """One after the other, with any spaces between them."""
    return row(*[one for form in forms for one in (form, space)][:-1])


def is_form(form: Form, text: str) -> bool:
    """Whether a whole text has that form."""
    return len(text) in form(text, 0)


space = some(" ")
MANY = 10**9
any_digits = digits(1, MANY)
one_or_two = digits(1, 2)
up_to_four = digits(1, 4)

# Numbers

sign = word("+", "-")
point = word(".")
plain = either(row(any_digits, maybe(point, digits(0, MANY))), row(point, any_digits))
with_exponent = row(plain, word("e"), maybe(sign), any_digits)

# Dates

year_or_two = either(digits(4, 4), one_or_two)
between = word("-", "/", ".")
three_groups = row(
    either(
        spaced(year_or_two, between, one_or_two, between, one_or_two),
        spaced(one_or_two, between, one_or_two, between, digits(4, 4)),
    ),
    maybe(point),
)
slash = word("-", "/")
two_groups = either(spaced(year_or_two, slash, one_or_two), spaced(one_or_two, slash, digits(4, 4)))
month = word(
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
    *("january", "february", "march", "april", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
weekday = word(
    *("mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
LOOSE = "-/., "
english = row(
    maybe(weekday, some(LOOSE)),
    either(
        row(up_to_four, some(LOOSE), month, maybe(some(LOOSE), up_to_four)),
        row(month, some(LOOSE), up_to_four, maybe(some(LOOSE, 1), up_to_four)),
    ),
    some(LOOSE),
)
korean = either(
    spaced(
        up_to_four,
        word("년", "年"),
        one_or_two,
        word("월", "月"),
        maybe(one_or_two, space, word("일", "日")),
    ),
    spaced(up_to_four, word("년", "年"), one_or_two, word("월", "月")),
    spaced(one_or_two, word("월", "月"), one_or_two, word("일", "日")),
)
date = either(three_groups, two_groups, english, korean)

# Times

half = word("am", "pm", "오전", "오후")
seconds = row(space, word(":"), space, one_or_two)
clock = row(
    maybe(half, space),
    any_digits,
    space,
    word(":"),
    maybe(space, one_or_two, maybe(seconds), maybe(point, digits(0, MANY))),
    maybe(space, either(half, word("a", "p"))),
)
hour = either(spaced(one_or_two, half), row(one_or_two, some(" ", 1), word("a", "p")))
hangul_clock = row(
    maybe(half, space),
    spaced(one_or_two, word("시", "時", "时")),
    maybe(
        space,
        spaced(one_or_two, word("분", "分")),
        maybe(space, spaced(one_or_two, word("초", "秒"))),
    ),
)
time = either(clock, hour, hangul_clock)

moment = either(
    date,
    time,
    row(date, either(word("t"), space), time, maybe(word("z"))),
    row(time, some(" ", 1), date),
)
fraction = row(maybe(any_digits, some(" ", 1)), spaced(any_digits, word("/"), any_digits))
truth = word("true", "false")

FORMS = (with_exponent, moment, fraction, truth)

# ---------------------------------------------------------------------------------------------
# Which cells


def is_guarded_text(text: str) -> bool:
    """Whether Excel would show or run a text otherwise."""
    if text[:1] in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"):
        return True
    if is_form(plain, text):
        return len(text) >= 12 or (text[0] == "0" and text[1:2] in tuple(DIGITS))
    return len(text.encode()) <= MOST_BYTES and any(is_form(form, small(text)) for form in FORMS)


def small(text: str) -> str:
    """The text with small letters in place of those of ASCII."""
    return "".join(one.lower() if "A" <= one <= "Z" else one for one in text)


def is_guarded_number(number: str) -> bool:
    """Whether a JSON number has more digits than Excel keeps."""
    mantissa = number.lower().partition("e")[0]
    significant = "".join(one for one in mantissa if one.isdigit()).lstrip("0")
    return len(significant) > 15


# ---------------------------------------------------------------------------------------------
# How


def guarded(text: str) -> str:
    """The formula that yields a text."""
    pieces = [""]
    for character in text:
        written = '""' if character == '"' else character
        if units(pieces[-1] + written) > MOST_UNITS:
            pieces.append("")
        pieces[-1] += written
    return "=" + "&".join(f'"{piece}"' for piece in pieces)


def units(text: str) -> int:
    """How long Excel says that a text is."""
    return len(text.encode("utf-16-le")) // 2


def unguarded(cell: str) -> str:
    """The text of a cell, as a reader of CSV gives it."""
    if not cell.startswith('="'):
        return cell
    text, rest = "", cell[1:]
    while rest:
        assert rest[0] == '"', "a string"
        end = 1
        while rest[end] != '"' or rest[end + 1 : end + 2] == '"':
            end += 2 if rest[end] == '"' else 1
        text += rest[1:end].replace('""', '"')
        rest = rest[end + 1 :].removeprefix("&")
    return text
