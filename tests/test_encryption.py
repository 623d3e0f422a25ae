"""Words of calls at rest: sealed with the owner's keys, and readable to nobody without."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from typer.testing import CliRunner

from pipeline.batch import Batch, score_one
from pipeline.cli import app
from pipeline.encrypt_command import sealed_columns
from pipeline.encryption import PLAIN, SEALED, new_key, read_keys
from pipeline.errors import SettingsError
from pipeline.find import Found
from pipeline.report import write_report
from pipeline.review.app import create_app
from pipeline.review.people import accept, add_person, invite
from pipeline.review.site import Site
from pipeline.review_tables import ReviewRow
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import ResultRow, utc_now
from pipeline.verify import verify
from tests.fakes import FakeListener, NoEngines

PLANTED = "secret order 4711"
OLD, NEW = new_key(), new_key()


@pytest.fixture
def given(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Settings]:
    """Settings of one database, with such keys; commands run in them too."""

    def made(*keys: str) -> Settings:
        monkeypatch.setenv("CALLSCORE_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("CALLSCORE_DB_URL", database_url)
        monkeypatch.setenv("CALLSCORE_ENCRYPTION_KEY", ",".join(keys))
        return Settings()

    return made


@pytest.fixture
def score(tmp_path: Path, make_wav: Callable[..., Path]) -> Callable[..., int]:
    """Scores a call in which PLANTED is said; gives the number of its batch."""

    def scored(settings: Settings, content: int = 0) -> int:
        path = make_wav(tmp_path / "calls" / f"{content}.wav", content)
        with Store.of(settings) as store:
            rubrics = load_rubrics("leap", {})
            number = store.start_batch("t")
            listener = FakeListener(tmp_path / "heard")
            outcome = score_one(
                Found(path), Batch(number, settings, rubrics, NoEngines(), store, listener)
            )
            assert outcome.status == "scored", outcome.reason
            store.finish_batch(number)
            write_report(number, store, settings)
        return number

    return scored


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def stored(settings: Settings) -> str:
    """All that the database holds in columns of words, as it is stored."""
    with Store.of(settings) as store, store.read() as session:
        found = []
        for table, columns in sealed_columns():
            for column in columns:
                found += session.execute(text(f'SELECT "{column}" FROM {table.name}')).scalars()
        found += session.execute(text("SELECT words FROM call_words")).scalars()
    return "\n".join(v if isinstance(v, str) else bytes(v).decode("latin-1") for v in found if v)


def files_with(folder: Path, words: str) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and words.encode() in p.read_bytes()]


def results(settings: Settings) -> list[str]:
    with Store.of(settings) as store, store.read() as session:
        return list(session.scalars(select(ResultRow.result_json).order_by(ResultRow.id)))


def test_with_a_key_no_words_lie_in_any_file(given, score) -> None:
    settings = given(NEW)
    score(settings)
    assert PLANTED in results(settings)[0]
    assert PLANTED not in stored(settings)
    assert SEALED in stored(settings)
    assert files_with(settings.data_dir, PLANTED) == []
    assert files_with(settings.data_dir, "encrypted: this page quotes nothing")


def test_everything_goes_on_with_a_key(given, score) -> None:
    settings = given(NEW)
    score(settings)
    assert "1 calls judged again" in run("rescore")
    with Store.of(settings) as store:
        assert [found.verdict for found in verify(store)] == ["same"]
    run("causes")


@pytest.fixture
def client(given, score) -> Iterator[TestClient]:
    settings = given(NEW)
    score(settings)
    with Store.of(settings) as store:
        admin = add_person(store, "admin", "admin")
        accept(store, invite(store, admin.id), "four words no song")
        made = TestClient(create_app(Site(store, settings, "s" * 48)), base_url="http://localhost")
        page = made.get("/sign-in").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"csrf": csrf, "name": "admin", "password": "four words no song"}
        made.post("/sign-in", data=form)
        yield made


def test_the_site_shows_words_but_cannot_look_for_them(client: TestClient) -> None:
    assert PLANTED in client.get("/api/calls/1").text.replace("</span> <span>", " ")
    assert client.get("/calls", params={"agent": "unknown"}).status_code == 200
    refused = client.get("/calls", params={"q": "order"})
    assert refused.status_code == 400
    assert "cannot be looked for" in refused.text
    assert (
        "cannot be looked for" in client.get("/api/calls", params={"q": "order"}).json()["detail"]
    )


def test_what_was_in_plain_is_sealed_by_the_command(given, score) -> None:
    settings = given()
    score(settings)
    assert files_with(settings.data_dir, PLANTED)
    before = results(settings)

    settings = given(NEW)
    assert results(settings) == before  # readable, as before
    assert "newly sealed" in run("encrypt")
    assert PLANTED not in stored(settings)
    assert files_with(settings.data_dir, PLANTED) == []
    assert results(settings) == before
    assert "\n0 rows" in f"\n{run('encrypt')}"


def test_a_key_is_changed_without_a_gap(given, score) -> None:
    score(given(OLD))
    settings = given(NEW, OLD)
    score(settings, 1)
    before = results(settings)
    assert len(before) == 2
    run("encrypt")
    settings = given(NEW)
    assert results(settings) == before
    with pytest.raises(SettingsError, match="another key"):
        Store.of(given(OLD))


@pytest.mark.parametrize("keys", [(), (OLD,)])
def test_nobody_gets_in_without_the_key(given, score, keys: tuple[str, ...]) -> None:
    score(given(NEW))
    given(*keys)
    with pytest.raises(SettingsError, match="encryption_key"):
        Store.of(Settings())
    for command in (["verify"], ["rescore"], ["outcomes"], ["causes"]):
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert "encrypted" in refused.output
        assert NEW not in refused.output


def test_switched_off_all_is_in_plain_and_found_again(given, score) -> None:
    settings = given(NEW)
    score(settings)
    before = results(settings)
    run("encrypt", "--off")
    settings = given()
    assert results(settings) == before
    assert SEALED not in stored(settings)
    assert PLANTED in stored(settings)
    with Store.of(settings) as store, store.read() as session:
        words = session.execute(text("SELECT words FROM call_words")).scalars().all()
    assert any(PLANTED in found for found in words)


def test_a_new_key_is_printed_and_nothing_else() -> None:
    key = run("encrypt", "--new-key").strip()
    assert read_keys(key, None) is not None
    assert not Path("callscore-data").exists()


def test_without_a_key_nothing_is_encrypted(given) -> None:
    given()
    refused = CliRunner().invoke(app, ["encrypt"])
    assert refused.exit_code == 2
    assert "--new-key" in refused.output


@pytest.mark.parametrize("wrong", ["short", "x" * 44, f"{NEW},short"])
def test_what_is_no_key_is_named_without_being_shown(wrong: str) -> None:
    with pytest.raises(SettingsError, match="encryption_key") as refused:
        read_keys(wrong, None)
    assert wrong.rpartition(",")[2] not in str(refused.value)


def test_keys_lie_in_a_file_of_their_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read it"):
        read_keys(None, file)
    file.chmod(0o600)
    keys = read_keys(None, file)
    assert keys is not None
    assert keys.all.decrypt(keys.first.encrypt(b"x")) == b"x"
    with pytest.raises(SettingsError, match="both set"):
        read_keys(NEW, file)
    with pytest.raises(SettingsError, match="no such file") as refused:
        read_keys(None, Path(NEW))
    assert NEW not in str(refused.value)
    with pytest.raises(SettingsError, match="names a folder"):
        read_keys(None, tmp_path)
    file.write_text("")
    with pytest.raises(SettingsError, match="no key in it"):
        read_keys(None, file)


def comment(store: Store, words: str) -> None:
    with store.write() as session:
        row = ReviewRow(
            call=1, criterion="solve", kind="corrected", answer="met", before="missed",
            machine="missed", result=1, rule=None, comment=words, person=None, person_name="a",
            at=utc_now(),
        )  # fmt: skip
        session.add(row)


def comments(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(ReviewRow.comment)))


@pytest.mark.parametrize("words", [SEALED, f"{SEALED}x", f"{PLAIN}x", "sealed:x"])
def test_nobody_can_write_what_looks_sealed(given, score, words: str) -> None:
    score(given())
    with Store.of(Settings()) as store:
        comment(store, words)
        assert comments(store) == [words]
    given(NEW)
    run("encrypt")
    with Store.of(Settings()) as store:
        assert comments(store) == [words]
    run("encrypt", "--off")
    given()
    with Store.of(Settings()) as store:
        assert comments(store) == [words]


@pytest.mark.parametrize("keys", [(), (OLD,)])
def test_who_was_there_before_the_key_stores_nothing_more(given, score, keys) -> None:
    score(given(*keys))
    with Store.of(Settings()) as early:
        given(*(NEW, *keys))
        run("encrypt")
        with pytest.raises(SettingsError, match="encryption_key"):
            comment(early, PLANTED)
    assert PLANTED not in stored(given(NEW))


def test_switched_off_nobody_stores_in_plain_who_still_means_to_encrypt(given, score) -> None:
    settings = given(NEW)
    score(settings)
    with Store.of(settings) as early:
        run("encrypt", "--off")
        with pytest.raises(SettingsError, match="switched off"):
            comment(early, "After.")
    with pytest.raises(SettingsError, match="switched off"):
        score(settings, 1)
    score(given(), 1)
    assert len(results(given())) == 2
    settings = given(NEW)
    run("encrypt")
    assert PLANTED not in stored(settings)
    assert len(results(settings)) == 2


def test_cut_off_while_switched_off_nobody_gets_in_without_the_key(
    given, score, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(given(NEW))
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.encrypt_command._index", cut_off)
        assert CliRunner().invoke(app, ["encrypt", "--off"]).exit_code == 1
    given()
    with pytest.raises(SettingsError, match="no key"):
        Store.of(Settings())
    given(NEW)
    run("encrypt", "--off")
    assert results(given())


def cut_off(*_: object, **__: object) -> None:
    raise RuntimeError


def test_an_sqlite_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "calls.db"
    for _ in range(2):  # made by us, then one that an older version made
        with Store(f"sqlite:///{file}") as store, store.read() as session:
            session.execute(text("SELECT 1"))
            there = sorted(tmp_path.glob("calls.db*"))
            assert len(there) == 3
            assert {path.stat().st_mode & 0o777 for path in there} == {0o600}
        file.chmod(0o644)


def test_every_column_with_words_is_sealed() -> None:
    """Who adds one says here whether it holds words of calls."""
    sealed = {f"{table.name}.{column}" for table, columns in sealed_columns() for column in columns}
    assert sealed == {
        *("facts.facts_json", "results.result_json", "opinions.opinion_json", "reviews.comment"),
        *("promises.quote", "promises.said", "statements.text", "statements.embedding"),
        *("cause_members.words", "saved_views.query", "originals.words_json", "seals.probe"),
        "legal_holds.reason",
        *("coaching_sessions.goal", "coaching_sessions.note"),
        *("coaching_moments.excerpt_json", "coaching_moments.clip"),
    }
