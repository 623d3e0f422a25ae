"""Accounts: signing in, invitations, what ends a session, keys."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from pipeline.errors import SettingsError
from pipeline.review.people import (
    AccountError,
    accept,
    add_person,
    anybody,
    change_password,
    change_person,
    check_sign_in,
    find_token,
    invite,
    list_people,
    make_token,
)
from pipeline.review.site import SECRET_FILE, TRIES_PER_ADDRESS, TRIES_PER_NAME, read_secret
from pipeline.review_tables import AuditRow, InviteRow, TokenRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import utc_now
from tests.review.conftest import PASSWORD, People, csrf

SignedIn = Callable[..., TestClient]


def try_to_sign_in(client: TestClient, name: str, password: str = PASSWORD, **form: str) -> int:
    form = {"csrf": csrf(client.get("/sign-in").text), "name": name, "password": password, **form}
    return client.post("/sign-in", data=form, follow_redirects=False).status_code


def is_signed_in(client: TestClient) -> bool:
    return client.get("/api/me").status_code == 200


def test_a_person_signs_in_and_out(signed_in: SignedIn, people: People) -> None:
    client = signed_in("qa")
    assert client.get("/api/me").json()["role"] == people.qa.role
    assert client.post("/sign-out").status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("name", "password"),
    [("qa", "four words no sing"), ("qa", ""), ("nobody", PASSWORD), ("QA", PASSWORD)],
)
@pytest.mark.usefixtures("people")
def test_a_wrong_name_or_password_is_refused_alike(
    signed_in: SignedIn, store: Store, name: str, password: str
) -> None:
    client = signed_in(None)
    form = {"csrf": csrf(client.get("/sign-in").text), "name": name, "password": password}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code in (401, 422)  # 422: an empty field
    if answer.status_code == 401:
        assert "Name or password is not right." in answer.text
        with store.read() as session:
            assert session.scalar(select(AuditRow.action)) == "failed sign in"
    assert not is_signed_in(client)


@pytest.mark.usefixtures("people")
def test_passwords_cannot_be_tried_without_end(signed_in: SignedIn, store: Store) -> None:
    client = signed_in(None)
    for _ in range(TRIES_PER_NAME.amount):
        assert try_to_sign_in(client, "qa", "some wrong password") == 401
    assert try_to_sign_in(client, "qa") == 429, "the right one, now"
    assert try_to_sign_in(client, "admin") == 303, "others are not kept out"
    with store.read() as session:
        failed = select(func.count()).where(AuditRow.action == "failed sign in")
        assert session.scalar(failed) == TRIES_PER_NAME.amount, "the log cannot be filled so"


@pytest.mark.usefixtures("people")
def test_names_cannot_be_tried_without_end(signed_in: SignedIn) -> None:
    client = signed_in(None)
    for number in range(TRIES_PER_ADDRESS.amount):
        assert try_to_sign_in(client, f"nobody {number}") == 401
    assert try_to_sign_in(client, "nobody at all") == 429


@pytest.mark.usefixtures("people")
def test_invitations_cannot_be_guessed_without_end(signed_in: SignedIn) -> None:
    client = signed_in(None)
    form = {"csrf": csrf(client.get("/welcome").text), "code": "guess", "password": PASSWORD}
    statuses = [client.post("/welcome", data=form).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]


def test_an_invitation_works_once(store: Store) -> None:
    person = add_person(store, "new", "qa")
    code = invite(store, person.id)
    accept(store, code, PASSWORD)
    assert check_sign_in(store, "new", PASSWORD) is not None
    with pytest.raises(AccountError, match="used or has run out"):
        accept(store, code, "another four words")
    assert check_sign_in(store, "new", "another four words") is None


def test_an_invitation_runs_out(store: Store) -> None:
    code = invite(store, add_person(store, "new", "qa").id)
    with store.write() as session:
        session.execute(update(InviteRow).values(expires_at=utc_now() - timedelta(seconds=1)))
    with pytest.raises(AccountError, match="run out"):
        accept(store, code, PASSWORD)


def test_a_new_invitation_voids_the_one_before(store: Store) -> None:
    person = add_person(store, "new", "qa")
    first, second = invite(store, person.id), invite(store, person.id)
    with pytest.raises(AccountError, match="used or has run out"):
        accept(store, first, PASSWORD)
    accept(store, second, PASSWORD)


def test_invitations_and_keys_are_not_stored_as_they_are(store: Store) -> None:
    person = add_person(store, "new", "qa")
    code = invite(store, person.id)
    _, key = make_token(store, person, "k", ["see"], 1)
    accept(store, code, PASSWORD)
    invite(store, person.id)
    with store.read() as session:
        stored = repr([session.execute(select(t.__table__)).all() for t in (InviteRow, TokenRow)])
    assert code not in stored
    assert key not in stored
    assert PASSWORD not in stored


def test_the_first_administrator_is_made_once(store: Store) -> None:
    first, second = invite(store, None), invite(store, None)
    assert not anybody(store)
    assert accept(store, first, PASSWORD, "Ada").role == "admin"
    with pytest.raises(AccountError, match="accounts already"):
        accept(store, second, PASSWORD, "Eve")
    assert [person.name for person in list_people(store)] == ["Ada"]


def test_of_those_who_use_an_invitation_at_once_one_succeeds(database_url: str) -> None:
    with Store(database_url) as store:
        code = invite(store, add_person(store, "new", "qa").id)
        barrier, accepted = Barrier(4), []

        def use(number: int) -> None:
            barrier.wait()
            try:
                accept(store, code, f"four words no song {number}")
            except AccountError:
                return
            accepted.append(number)

        threads = [Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(accepted) == 1
        assert check_sign_in(store, "new", f"four words no song {accepted[0]}") is not None


def test_a_closed_account_is_out_at_once(signed_in: SignedIn, store: Store, people: People) -> None:
    client = signed_in("qa")
    _, key = make_token(store, people.qa, "k", ["see"], 1)
    change_person(store, people.qa.id, "qa", (), None, active=False)
    assert not is_signed_in(client)
    assert client.get("/", follow_redirects=False).headers["location"].startswith("/sign-in")
    bearer = {"Authorization": f"Bearer {key}"}
    assert signed_in(None).get("/api/me", headers=bearer).status_code == 401
    assert find_token(store, key) is None
    assert try_to_sign_in(signed_in(None), "qa") == 401


def test_a_changed_role_ends_sessions_and_cuts_keys_down(
    signed_in: SignedIn, store: Store, people: People
) -> None:
    client = signed_in("qa")
    _, key = make_token(store, people.qa, "k", ["see", "correct"], 1)
    bearer = {"Authorization": f"Bearer {key}"}
    assert signed_in(None).get("/api/me", headers=bearer).json()["may"] == ["see", "correct"]
    change_person(store, people.qa.id, "agent", (), "ag-1", active=True)
    assert not is_signed_in(client)
    assert signed_in(None).get("/api/me", headers=bearer).json()["may"] == ["see"]
    again = signed_in("qa")
    assert again.get("/api/me").json()["role"] == "agent"


def test_a_new_password_ends_other_sessions(signed_in: SignedIn, people: People) -> None:
    here, elsewhere = signed_in("qa"), signed_in("qa")
    form = {"csrf": csrf(here.get("/account").text), "old": PASSWORD, "new": "five words or so"}
    assert here.post("/account/password", data=form).status_code == 200
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert try_to_sign_in(signed_in(None), people.qa.name, "five words or so") == 303


def test_a_new_password_needs_the_old_one(store: Store, people: People) -> None:
    with pytest.raises(AccountError, match="present password"):
        change_password(store, people.qa, "not my password", "five words or so")
    assert check_sign_in(store, "qa", PASSWORD) is not None


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_passwords_have_a_length(store: Store, people: People, password: str) -> None:
    with pytest.raises(AccountError, match=f"has {len(password)} characters"):
        change_password(store, people.qa, PASSWORD, password)


def test_a_key_runs_out(signed_in: SignedIn, store: Store, people: People) -> None:
    _, key = make_token(store, people.qa, "k", ["see"], 1)
    client = signed_in(None)
    client.headers["Authorization"] = f"Bearer {key}"
    assert is_signed_in(client)
    with store.write() as session:
        session.execute(update(TokenRow).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert not is_signed_in(client)


def test_a_bad_key_is_not_made_good_by_a_session(signed_in: SignedIn, people: People) -> None:
    client = signed_in(people.admin.name)
    for key in ("callscore_made-up", "ÿ", "x" * 5000):
        headers = {"Authorization": f"Bearer {key}".encode("latin-1")}
        assert client.get("/api/me", headers=headers).status_code == 401


def test_the_last_administrator_stays(store: Store, people: People) -> None:
    admin = people.admin
    for role, active in (("qa", True), ("admin", False)):
        with pytest.raises(AccountError, match="only administrator"):
            change_person(store, admin.id, role, (), None, active=active)


@pytest.mark.parametrize(
    ("name", "role", "teams", "agent_id"),
    [
        ("", "qa", (), None),
        ("x" * 101, "qa", (), None),
        ("line\nbreak", "qa", (), None),
        ("nul\0", "qa", (), None),
        ("s", "supervisor", (), None),
        ("a", "agent", (), None),
        ("r", "root", (), None),
        ("qa", "qa", (), None),
    ],
)
@pytest.mark.usefixtures("people")
def test_accounts_that_make_no_sense_are_refused(
    store: Store, name: str, role: str, teams: tuple[str, ...], agent_id: str | None
) -> None:
    with pytest.raises(AccountError):
        add_person(store, name, role, teams, agent_id)  # type: ignore[arg-type]


def test_a_person_is_not_told_who_else_there_is(signed_in: SignedIn, people: People) -> None:
    page = signed_in(people.agent.name).get("/account").text
    assert people.supervisor.name not in page


def test_a_damaged_secret_signs_nothing(settings: Settings) -> None:
    path = settings.data_dir / SECRET_FILE
    assert len(read_secret(settings)) > 32
    path.write_text("")
    with pytest.raises(SettingsError, match="damaged"):
        read_secret(settings)


def test_signing_out_ends_copied_cookies_too(signed_in: SignedIn, people: People) -> None:
    client, copy = signed_in(people.qa.name), signed_in(None)
    copy.cookies.update(client.cookies)
    assert is_signed_in(copy)
    client.post("/sign-out")
    assert not is_signed_in(copy)
