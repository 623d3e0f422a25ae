"""Who may sign in: accounts, passwords, invitations and the keys of their programs."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, func, select, update

from pipeline.errors import PermanentError
from pipeline.review_tables import InviteRow, PersonRow, TokenRow
from pipeline.standing import spaced
from pipeline.store import Store
from pipeline.tables import utc_now

Role = Literal["admin", "qa", "supervisor", "agent"]
ROLES: tuple[Role, ...] = get_args(Role)

INVITE_LASTS = timedelta(days=3)
SHORTEST_PASSWORD = 12  # characters; NIST SP 800-63B asks for 8 with, 15 without a second factor
LONGEST_PASSWORD = 200
LONGEST_NAME = 100
TOKEN_PREFIX = "callscore_"


class AccountError(PermanentError):
    """An account, password or invitation that cannot be made so; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, and what is theirs to see."""

    id: int
    name: str
    role: Role
    teams: tuple[str, ...] = ()
    agent_id: str | None = None
    epoch: int = 0
    active: bool = True
    scopes: frozenset[str] | None = None
    """What they may do by the key that they came with; None: they came in person."""


def find_person(store: Store, number: int) -> Person | None:
    with store.read() as session:
        row = session.get(PersonRow, number)
        return None if row is None else _person(row)


def list_people(store: Store) -> list[Person]:
    with store.read() as session:
        return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.name))]


def anybody(store: Store) -> bool:
    """Whether somebody has an account."""
    with store.read() as session:
        return session.scalar(select(func.count(PersonRow.id))) != 0


def add_person(
    store: Store, name: str, role: Role, teams: Sequence[str] = (), agent_id: str | None = None
) -> Person:
    """A new account; it can sign in once its invitation is used.

    Raises
    ------
    AccountError
        The name is taken or empty, or the role lacks its teams or its agent.
    """
    name = name.strip()
    _check(name, role, teams, agent_id)
    with store.write() as session:
        if session.scalar(select(PersonRow.id).where(PersonRow.name == name)) is not None:
            raise AccountError(f"{name}: somebody has that name already; choose another")
        row = PersonRow(
            name=name,
            role=role,
            teams=json.dumps(list(teams)),
            agent_id=agent_id,
            created_at=utc_now(),
        )
        session.add(row)
        session.flush()
        return _person(row)


def change_person(
    store: Store,
    number: int,
    role: Role,
    teams: Sequence[str],
    agent_id: str | None,
    *,
    active: bool,
) -> Person:
    """Changes what somebody may do. Their sessions end: the next page asks them to sign in.

    Raises AccountError as :func:`add_person`, and where nobody would be left to administer.
    """
    with store.write() as session:
        row = session.get_one(PersonRow, number)
        _check(row.name, role, teams, agent_id)
        others = select(func.count(PersonRow.id)).where(
            PersonRow.role == "admin", PersonRow.active, PersonRow.id != number
        )
        if row.role == "admin" and (role != "admin" or not active) and not session.scalar(others):
            raise AccountError(f"{row.name}: the only administrator; make another one first")
        row.role, row.teams, row.agent_id = role, json.dumps(list(teams)), agent_id
        row.active, row.epoch = active, row.epoch + 1
        return _person(row)


def invite(store: Store, person: int | None) -> str:
    """A code that lets a person (None: the first administrator) choose a password, once.

    Who had the account through an OpenID provider has it no longer, until they come by its name.
    """
    code = secrets.token_urlsafe(24)
    with store.write() as session:
        if person is not None:
            session.execute(delete(InviteRow).where(InviteRow.person == person))
            theirs = update(PersonRow).where(PersonRow.id == person)
            session.execute(theirs.values(oidc_subject=None))
        expires_at = utc_now() + INVITE_LASTS
        session.add(InviteRow(code_hash=_digest(code), person=person, expires_at=expires_at))
    return code


def accept(store: Store, code: str, password: str, name: str = "") -> Person:
    """Uses up an invitation; ``name`` is the first administrator's.

    Raises AccountError: no such invitation, used or run out; or the password or name will not do.
    """
    _check_password(password)
    hashed = _hasher().hash(password)
    with store.write() as session:
        # Locked, so that of two who use it at once the second finds it gone.
        found = session.get(InviteRow, _digest(code), with_for_update=True)
        if found is None or found.expires_at < utc_now():
            raise AccountError("this invitation was used or has run out; ask for a new one")
        if found.person is None:
            if session.scalar(select(func.count(PersonRow.id))):
                raise AccountError("there are accounts already; ask an administrator for yours")
            _check(name.strip(), "admin", (), None)
            row = PersonRow(name=name.strip(), role="admin", created_at=utc_now())
            session.add(row)
        else:
            row = session.get_one(PersonRow, found.person)
        row.password_hash, row.epoch = hashed, (row.epoch or 0) + 1
        session.delete(found)
        session.flush()
        return _person(row)


def check_sign_in(store: Store, name: str, password: str) -> Person | None:
    """Who that is, or None. Takes as long whether or not there is such a person."""
    with store.read() as session:
        row = session.scalar(select(PersonRow).where(PersonRow.name == name.strip()))
        stored = row.password_hash if row is not None and row.active else None
        person = None if row is None else _person(row)
    right = _matches(stored or _nobodys_hash(), password)
    return person if right and stored is not None else None


def end_sessions(store: Store, person: Person) -> None:
    """Signs somebody out everywhere."""
    with store.write() as session:
        session.get_one(PersonRow, person.id).epoch += 1


def change_password(store: Store, person: Person, old: str, new: str) -> Person:
    """Raises AccountError: the old password is wrong, or the new one will not do."""
    if check_sign_in(store, person.name, old) is None:
        raise AccountError("the present password is not right; try again")
    _check_password(new)
    hashed = _hasher().hash(new)
    with store.write() as session:
        row = session.get_one(PersonRow, person.id)
        row.password_hash, row.epoch = hashed, row.epoch + 1
        return _person(row)


def make_token(
    store: Store, person: Person, label: str, scopes: Iterable[str], days: int
) -> tuple[int, str]:
    """A key for a person's programs and its number; the key itself is not stored."""
    key = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with store.write() as session:
        row = TokenRow(
            person=person.id,
            label=label,
            token_hash=_digest(key),
            scopes=spaced(scopes),
            created_at=utc_now(),
            expires_at=utc_now() + timedelta(days=days),
        )
        session.add(row)
        session.flush()
        return row.id, key


def list_tokens(store: Store, person: Person) -> list[TokenRow]:
    with store.read() as session:
        mine = select(TokenRow).where(TokenRow.person == person.id).order_by(TokenRow.id)
        return list(session.scalars(mine))


def revoke_token(store: Store, person: Person, number: int) -> bool:
    """Whether there was such a key of theirs."""
    with store.write() as session:
        mine = delete(TokenRow).where(TokenRow.id == number, TokenRow.person == person.id)
        return session.execute(mine.returning(TokenRow.id)).first() is not None


def find_token(store: Store, key: str) -> Person | None:
    """Whose key it is, with what it is for."""
    with store.read() as session:
        row = session.scalar(select(TokenRow).where(TokenRow.token_hash == _digest(key)))
        if row is None or row.expires_at < utc_now():
            return None
        owner = session.get_one(PersonRow, row.person)
        scopes = frozenset(row.scopes.split())
        return replace(_person(owner), scopes=scopes) if owner.active else None


def _check(name: str, role: Role, teams: Sequence[str], agent_id: str | None) -> None:
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise AccountError("a name of 1 to 100 printable characters is needed; give one")
    if role not in ROLES:
        raise AccountError(f"{name}: no such role; choose one of {', '.join(ROLES)}")
    if role == "supervisor" and not teams:
        raise AccountError(f"{name}: a supervisor needs at least one team; name it")
    if role == "agent" and not agent_id:
        raise AccountError(f"{name}: an agent needs the agent id that their calls carry; give it")


def _check_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(
            f"the password has {len(password)} characters; choose one of {SHORTEST_PASSWORD} to "
            f"{LONGEST_PASSWORD}, such as four words"
        )


def _person(row: PersonRow) -> Person:
    role: Role = row.role  # type: ignore[assignment]
    teams = tuple(json.loads(row.teams))
    return Person(row.id, row.name, role, teams, row.agent_id, row.epoch, row.active)


def _digest(secret: str) -> str:
    """Of codes and keys, which are long and random: no salt and no slow hash are needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low memory)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher().verify(stored, password[: LONGEST_PASSWORD + 1])
    except (Argon2Error, InvalidHashError):
        return False
