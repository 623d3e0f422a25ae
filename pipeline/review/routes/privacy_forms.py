"""What the API of privacy gives and takes. Times are UTC."""

from typing import Annotated, Self

from pydantic import Field

from pipeline.deletion.receipts import Receipt
from pipeline.legal_hold import LONGEST_REASON
from pipeline.review.privacy import Privacy
from pipeline.review.routes.api_forms import Body, Form, ShortText, Utc


class HoldBody(Body):
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class ForgetBody(Body):
    """``confirm`` repeats the call's id; ``recordings``: the recording goes too."""

    confirm: ShortText
    recordings: bool = False


class LegalHoldForm(Form):
    call: int
    call_id: str
    reason: str
    person_name: str
    at: Utc


class ReceiptForm(Form):
    """What was removed, by kind; ``clean``: a check found that nothing is left."""

    id: str
    at: Utc
    why: str
    person_name: str
    removed: dict[str, int]
    held: int
    clean: bool | None

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        return cls(
            id=receipt.id,
            at=receipt.at,
            why=receipt.why,
            person_name=receipt.person_name,
            removed=dict(+receipt.removed),
            held=receipt.held,
            clean=receipt.clean,
        )


class ForgottenForm(Form):
    """The receipt, and its lines as they are printed: this once, with names."""

    receipt: ReceiptForm
    lines: tuple[str, ...]


class AgesForm(Form):
    """In days; null: kept until somebody deletes it."""

    recordings: int | None
    words: int | None
    calls: int | None


class PrivacyForm(Form):
    """``ages`` is null where the settings contradict each other: then nothing is purged."""

    ages: AgesForm | None
    holds: tuple[LegalHoldForm, ...]
    receipts: tuple[ReceiptForm, ...]

    @classmethod
    def of(cls, shown: Privacy) -> Self:
        days = None
        if shown.ages is not None:
            kinds = {kind: getattr(shown.ages, kind) for kind in AgesForm.model_fields}
            days = AgesForm(**{k: None if age is None else age.days for k, age in kinds.items()})
        return cls(
            ages=days,
            holds=tuple(LegalHoldForm.model_validate(held) for held in shown.holds),
            receipts=tuple(ReceiptForm.of(receipt) for receipt in shown.receipts),
        )
