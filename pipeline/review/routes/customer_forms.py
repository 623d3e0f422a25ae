"""What the API gives of customers and of recurring causes. Times are UTC."""

from datetime import date

from pipeline.review.routes.api_forms import Form, Utc


class CustomerLineForm(Form):
    """A customer's calls of the period; ``need`` adds repeats, missed promises and flagged calls.

    ``again`` are calls after which the customer called again when a promise was due.
    """

    customer_id: str
    calls: int
    last_at: Utc
    need: int
    repeats: int
    again: int
    upset: int
    abusive: int
    duration_s: float
    holds: int
    hold_s: float
    dead_air: int
    dead_air_s: float


class CustomerPageForm(Form):
    """A page of customers, those in most need first."""

    customers: tuple[CustomerLineForm, ...]
    total: int
    page: int
    pages: int
    since: Utc | None


class WaitsForm(Form):
    """How long and how often a customer was left waiting."""

    holds: int
    hold_s: float
    dead_air: int
    dead_air_s: float


class CallRefForm(Form):
    """A call in short."""

    number: int
    call_id: str
    agent_id: str
    team: str | None
    at: Utc
    duration_s: float | None
    score: float | None
    flags: tuple[str, ...]


class CustomerCallForm(Form):
    """A call of a customer; ``previous`` is the number of the one shortly before it."""

    call: CallRefForm
    direction: str | None
    waits: WaitsForm
    said_again: bool
    previous: int | None
    days_after: float | None


class PromiseForm(Form):
    """``told``: due, no time or unclear. ``early`` and ``after`` are the customer's calls before
    and since it was due, ``soon``: the latter was a repeat contact."""

    call: int
    call_id: str
    at: Utc
    quote: str
    said: str
    start_s: float | None
    told: str
    due: Utc | None
    overdue: bool
    early: CallRefForm | None
    after: CallRefForm | None
    soon: bool


class CustomerForm(Form):
    """A customer; ``calls`` are the newest of ``total.calls``."""

    customer_id: str
    total: CustomerLineForm
    calls: tuple[CustomerCallForm, ...]
    promises: tuple[PromiseForm, ...]


class QuoteForm(Form):
    """What was said in a call, and when."""

    call: int
    call_id: str
    at: Utc
    role: str
    text: str
    start_s: float | None


class CallsOfWeek(Form):
    """The calls of a week, named by its Monday."""

    week: date
    calls: int


class CauseLineForm(Form):
    """A cause by its most central statement; ``solve`` and ``follow_up`` count answers."""

    number: int
    quote: QuoteForm
    words: tuple[str, ...]
    calls: int
    complained: int
    weeks: tuple[CallsOfWeek, ...]
    solve: dict[str, int]
    follow_up: dict[str, int]


class LookedForm(Form):
    """When causes were looked for; counts are for those who see all calls."""

    at: Utc
    since: Utc
    until: Utc
    calls: int | None
    statements: int | None
    grouped: int | None


class CausePageForm(Form):
    """A page of causes, those of the most complaints first."""

    causes: tuple[CauseLineForm, ...]
    total: int
    page: int
    pages: int
    looked: LookedForm | None


class CauseForm(Form):
    """A cause with a page of its statements, and what agents did where it was solved."""

    cause: CauseLineForm
    quotes: tuple[QuoteForm, ...]
    total: int
    page: int
    pages: int
    solutions: tuple[QuoteForm, ...]
    looked: LookedForm | None
