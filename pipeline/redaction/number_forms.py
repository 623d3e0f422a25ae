"""What a run is by its own form, whatever is said of it.

A number by check digits, ways of writing and lengths; a count; a word after all; one said before.
"""

import re

from pipeline.records import Kind
from pipeline.redaction.context import View
from pipeline.redaction.spoken import THOUSANDS, Run
from pipeline.redaction.words import Words

CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)
MOST_AGE_DIGITS = 2
MOST_KEYED_DIGITS = 3
MOST_PENCE_DIGITS = 2
EMERGENCY = ("911", "999", "112", "000", "111", "101", "988", "411")
"""Numbers that everybody may call (emergency, police, directory)."""
MOST_COUNTED_DIGITS = 6
"""Longer numbers count nothing, whatever follows them."""
MOST_OTHERS = 4
"""Words beside a number in a turn that hardly says anything else."""
MOST_MISHEARD = 2
SAME_DIGITS = 4
"""So many digits in common make a number the same as one said before."""
REGIONS = ("US", "GB", "IE", "IN", "AU", "CA", "NZ", "ZA", "DE", "FR", "ES")
"""Whose ways of writing telephone numbers are known without a country code."""

_DATE = re.compile(
    r"\d{1,4}\s*[/.]\s*\d{1,2}\s*[/.]\s*\d{1,4}(?!\d)(?!\s?[-/\d])|\d{4}-\d{2}-\d{2}$"
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})*\.\d{1,2}$|\d{1,3}(?:,\d{3})+$|\d{1,2}:\d{2}")
_WRITTEN_PHONE = re.compile(
    r"\+\s?\d[\d\s().-]{7,16}\d|\(0?\d{2,4}\)\s?\d{3,4}[\s-]?\d{3,4}|\b\d{3}[-.\s]\d{3}[-.\s]\d{4}\b"
    r"|\b0\d{2,4}[\s-]\d{3,4}[\s-]\d{3,4}\b|\b0\d{4}\s\d{6}\b|\b0[1-9]\d{8,9}\b"
)
# Forms of national ids that nothing else has: US SSN, UK National Insurance, Indian PAN.
_ID_FORMS = (
    re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$"),
    re.compile(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]$"),
    re.compile(r"\d{7}[A-W][A-IW]?$"),
)
# An IBAN of which a letter or a digit was misheard.
_LIKE_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]*\d[A-Z0-9]*$")
IBAN_LENGTHS = range(15, 33)
_GSTIN = re.compile(r"\d{2}[A-Z]{5}\d{4}[A-Z]\w{3}$")
_SORT_CODE = re.compile(r"\d\d( dash | |-)\d\d( dash | |-)\d\d$")
_WRITTEN_SSN = re.compile(r"\d{3}-\d{2}-\d{4}$")


def by_form(view: View, run: Run) -> Kind | None:
    """What a run is whatever is said of it: valid check digits and forms that nothing else has."""
    from stdnum import iban, luhn
    from stdnum.in_ import aadhaar

    value, digits = run.value, run.digits
    text = view.text[run.start : run.end]
    if len(value) == len(digits) and len(digits) in CARD_DIGITS and luhn.is_valid(digits):
        return "card"
    if len(value) >= 15 and value[:2].isalpha() and iban.is_valid(value, check_country=False):
        return "account"
    if len(value) in IBAN_LENGTHS and _LIKE_IBAN.match(value) and len(digits) >= len(value) // 2:
        return "account"
    if any(form.match(value) for form in _ID_FORMS) or _WRITTEN_SSN.match(text):
        return "id"
    if _SORT_CODE.match(text) or (len(value) == 15 and _GSTIN.match(value)):
        return "account" if _SORT_CODE.match(text) else "id"
    if view.text[: run.start].lower().rstrip().endswith("plus") and len(digits) in PHONE_DIGITS:
        return "phone"
    if len(digits) == len(value) == 12 and aadhaar.is_valid(digits):
        return "id"
    before = view.text[max(0, run.start - 3) : run.start]
    written = before[before.rfind(" ") + 1 :] + text
    if len(digits) == len(value) and any(
        _WRITTEN_PHONE.search(one) and _possible_phone(one)
        for one in (written, "-".join(run.groups), digits)
    ):
        return "phone"
    return None


def _possible_phone(written: str) -> bool:
    import phonenumbers

    if "+" in written:
        return any(True for _ in phonenumbers.PhoneNumberMatcher(written, None))
    digits = re.sub(r"\D", "", written)
    for region in REGIONS:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


def counts(view: View, run: Run, words: Words) -> bool:
    """Whether a run measures or counts something, or is a date, a time or a price."""
    text = view.text[run.start : run.end]
    before, after = view.text[: run.start].rstrip(), view.text[run.end :]
    if before[-1:] in ("*", "#") and len(run.digits) <= MOST_KEYED_DIGITS:
        return True  # keys of a telephone: "dial *86"
    if before[-1:] in words.money or after[:1] in ("%", "°") or _DATE.match(text):
        return True
    if _AMOUNT.match(text) and len(text) <= 10:
        return True
    told = view.tokens[run.first - 1].lower if run.first else ""
    if told in words.currencies and len(run.digits) <= MOST_PENCE_DIGITS:
        return True  # "sixty-one pounds forty"
    if told in words.ages and len(run.digits) <= MOST_AGE_DIGITS:
        return True
    if (
        len(run.pieces) == 1
        and words.numbers.hundreds.get(view.tokens[run.last].lower) == THOUSANDS
    ):
        return True  # "all eleven thousand"
    if re.match(r":\d\d", after) or re.search(r"\d:$", before[-2:]):
        return True
    if run.last + 1 == len(view.tokens) or len(run.digits) > MOST_COUNTED_DIGITS:
        return False
    following = view.tokens[run.last + 1]
    joined = re.fullmatch(r"[\s-]?", view.text[run.end : following.start])
    return joined is not None and following.lower in words.units


def is_all(view: View, run: Run) -> bool:
    """Whether a turn hardly says anything but a number: one that goes on or is read back."""
    others = len(view.tokens) - (run.last - run.first + 1)
    return len(run.value) >= 1 and others <= MOST_OTHERS and len(run.pieces) > others


def is_word(view: View, run: Run, words: Words) -> bool:
    """Whether a run of one is a word, after all: "I", "the wrong one"."""
    token = view.tokens[run.first]
    return run.first == run.last and (
        run.value in ("I", "A")
        or token.lower in words.interjections
        or (token.lower in words.pronouns and not is_all(view, run))
    )


def nearly(one: str, other: str, least: int = SAME_DIGITS) -> bool:
    """Whether two numbers of more than ``least`` digits differ in one or two, as if misheard."""
    if len(one) != len(other) or len(one) <= least:
        return False
    return sum(a != b for a, b in zip(one, other, strict=True)) <= MOST_MISHEARD
