"""Customers and recurring causes: pages and API."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from pipeline.contacts import REPEAT_WITHIN
from pipeline.review import audit
from pipeline.review.access import CustomerViewer
from pipeline.review.cause_figures import CausePage, WholeCause, find_cause, list_causes
from pipeline.review.customers import (
    LAST_PAGE,
    Customer,
    CustomerPage,
    Wanted,
    find_customer,
    find_customers,
)
from pipeline.review.pages import render, site_of
from pipeline.review.people import Person
from pipeline.review.routes.api import PROBLEMS, Number
from pipeline.review.routes.customer_forms import (
    CauseForm,
    CausePageForm,
    CustomerForm,
    CustomerPageForm,
)

router = APIRouter(responses=PROBLEMS, tags=["customers"])

Asked = Annotated[Wanted, Query()]
CustomerId = Annotated[str, Path(min_length=1, max_length=200)]
Page = Annotated[int, Query(ge=1, le=LAST_PAGE)]


@router.get("/customers", include_in_schema=False)
def show_customers(request: Request, person: CustomerViewer, wanted: Asked) -> Response:
    found = _customers(request, person, wanted)
    days = REPEAT_WITHIN.days
    return render(request, "customers.html", found=found, wanted=wanted, repeat_days=days)


@router.get("/customers/{customer_id:path}", include_in_schema=False)
def show_customer(request: Request, person: CustomerViewer, customer_id: CustomerId) -> Response:
    return render(
        request,
        "customer.html",
        customer=_customer(request, person, customer_id),
        repeat_days=REPEAT_WITHIN.days,
    )


@router.get("/causes", include_in_schema=False)
def show_causes(request: Request, person: CustomerViewer, page: Page = 1) -> Response:
    found = _causes(request, person, page)
    return render(request, "causes.html", found=found)


@router.get("/causes/{number}", include_in_schema=False)
def show_cause(
    request: Request, person: CustomerViewer, number: Number, page: Page = 1
) -> Response:
    found = _cause(request, person, number, page)
    return render(request, "cause.html", found=found, cause=found.cause)


@router.get("/api/customers")
def search_customers(request: Request, person: CustomerViewer, wanted: Asked) -> CustomerPageForm:
    """Customers of the calls that the person may see, those in most need first."""
    found = _customers(request, person, wanted)
    return CustomerPageForm.model_validate(found)


@router.get("/api/customers/{customer_id:path}")
def read_customer(
    request: Request, person: CustomerViewer, customer_id: CustomerId
) -> CustomerForm:
    """A customer's calls, repeat contacts, waits, and the promises made to them."""
    return CustomerForm.model_validate(_customer(request, person, customer_id))


@router.get("/api/causes")
def search_causes(request: Request, person: CustomerViewer, page: Page = 1) -> CausePageForm:
    """Recurring causes, those of the most complaints first."""
    found = _causes(request, person, page)
    return CausePageForm.model_validate(found)


@router.get("/api/causes/{number}")
def read_cause(
    request: Request, person: CustomerViewer, number: Number, page: Page = 1
) -> CauseForm:
    """A cause with its statements, its trend, and how it was solved."""
    found = _cause(request, person, number, page)
    return CauseForm.model_validate(found)


def _customer(request: Request, person: Person, customer_id: str) -> Customer:
    site = site_of(request)
    with site.store.read() as session:
        found = find_customer(session, customer_id, person)
    audit.note(site.store, person, "view", f"customer {customer_id}")
    return found


def _customers(request: Request, person: Person, wanted: Wanted) -> CustomerPage:
    store = site_of(request).store
    with store.read() as session:
        found = find_customers(session, wanted, person)
    audit.note(store, person, "view", "customers")
    return found


def _causes(request: Request, person: Person, page: int) -> CausePage:
    store = site_of(request).store
    with store.read() as session:
        found = list_causes(session, person, page)
    audit.note(store, person, "view", "causes")
    return found


def _cause(request: Request, person: Person, number: int, page: int) -> WholeCause:
    store = site_of(request).store
    with store.read() as session:
        found = find_cause(session, number, person, page)
    audit.note(store, person, "view", f"cause {number}")
    return found
