"""How fast is the review site? ``python -m tests.bench.site --calls 100000 --users 20``

Fills a database with calls put together from the lines of our own dialogues, serves it, and lets
people of all roles open its pages at the same time. Prints how long the pages took.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, text

from pipeline.review.people import accept, add_person, invite
from pipeline.review_tables import ContactRow, StandingRow
from pipeline.standing import spaced
from pipeline.store import Store
from pipeline.tables import AnswerRow, BatchRow, CallRow, OutcomeRow, ResultRow
from tests.postgres import find_free_port

ROOT = Path(__file__).parent.parent.parent
DIALOGUES = ROOT / "rubrics" / "cues" / "en" / "dialogues"
PASSWORD = "four words no song"
TEAMS, AGENTS, QUEUES, CUSTOMERS = 20, 200, 8, 20_000
NIGHTS = 60
TURNS = 40
CHUNK = 1000
ARRIVE_WITHIN_S = 10.0
CRITERIA = (
    *(("listen_first", 20), ("empathize", 20), ("apologize", 20), ("solve", 20), ("follow_up", 20)),
    *(("no_talking_over", 5), ("hold_handling", 5), ("composure", 5), ("positive_language", 5)),
)
FILLED = (CallRow, ResultRow, AnswerRow, StandingRow, OutcomeRow, ContactRow)
ANSWERS = ("met", "partial", "missed", "not_applicable", "cannot_tell")
FLAGS = ("repeat_contact", "asks_manager", "long_hold", "abusive_customer", "low_score")


def fill(store: Store, count: int) -> None:
    """Stores ``count`` calls, spread over nights, the newest of them last night's batch."""
    chance = random.Random(8)
    lines = _lines()
    skill = [chance.uniform(0.3, 0.8) for _ in range(AGENTS)]
    newest = datetime(2026, 11, 24, 22)
    with store.write() as session:
        session.execute(insert(BatchRow), {"origin": "bench", "started_at": newest})
    for start in range(1, count + 1, CHUNK):
        rows = defaultdict(list)
        for number in range(start, min(count + 1, start + CHUNK)):
            agent = chance.randrange(AGENTS)
            night = NIGHTS * (count - number) // count
            at = newest - timedelta(days=night, seconds=chance.randrange(36_000))
            _add(rows, number, agent, at, skill[agent], lines, chance, last_night=night == 0)
        with store.write() as session:
            for table in FILLED:
                if rows[table]:
                    session.execute(insert(table), rows[table])
            words = text("INSERT INTO call_words (rowid, words) VALUES (:number, :words)")
            session.execute(words, rows["words"])

    with store.write() as session:
        day = DAY[session.get_bind().dialect.name]
        for sums in SUMS:
            days = {name: day.format(name) for name in ("at", "scored_at")}
            session.execute(text(sums.format(**days)))


# What pipeline.day_sums adds up call by call.
DAY = {
    "sqlite": "CAST(julianday({}) - 2440587.5 AS INTEGER)",
    "postgresql": "CAST(floor(extract(epoch FROM {}) / 86400) AS INTEGER)",
}
SUMS = (
    """INSERT INTO agent_days SELECT agent_id, team, {at}, {scored_at}, max(agent_id), count(*), 0,
    count(score), sum(CAST(round(score * 10) AS INTEGER)),
    sum(CAST(round(score * 10) AS INTEGER) * CAST(round(score * 10) AS INTEGER)),
    sum(CAST(coverage * 1000 AS INTEGER)), sum(CASE WHEN flags = '' THEN 0 ELSE 1 END), 0
    FROM standings GROUP BY 1, 2, 3, 4""",
    """INSERT INTO criterion_days SELECT agent_id, team, {at}, {scored_at}, criterion, count(*),
    sum(CAST(2 * points / max_points AS INTEGER))
    FROM standings JOIN answers ON answers.result = standings.result
    WHERE points IS NOT NULL GROUP BY 1, 2, 3, 4, 5""",
)


def _add(
    rows: dict[Any, list[dict[str, Any]]],
    number: int,
    agent: int,
    at: datetime,
    skill: float,
    lines: list[str],
    chance: random.Random,
    *,
    last_night: bool,
) -> None:
    call_id, sha256 = f"call-{number:06}", f"{number:064x}"
    flags = [flag for flag in FLAGS if chance.random() < 0.04]
    criteria = [_criterion(name, weight, skill, chance) for name, weight in CRITERIA]
    judged = [found for found in criteria if found["points"] is not None]
    weight = sum(found["max_points"] for found in judged)
    score = round(100 * sum(found["points"] for found in judged) / weight, 1) if weight else None
    metadata = {
        "agent_id": f"ag-{agent:03}",
        "agent_name": f"Agent {agent:03}",
        "team": f"team-{agent % TEAMS:02}",
        "customer_id": f"cu-{chance.randrange(CUSTOMERS):05}",
        "queue": f"queue-{chance.randrange(QUEUES)}",
    }
    turns, duration_s = _turns(lines, chance)
    result = {
        "schema": 1, "call_id": call_id, "agent_id": metadata["agent_id"],
        "started_at": at.isoformat() + "Z", "recording_sha256": sha256, "duration_s": duration_s,
        "channels": 2, "language": "en", "rubric": {"id": "leap", "version": "1", "hash": "bench"},
        "engines": {"transcribe": "bench", "diarize": "channels", "code": "0"},
        "score": score, "uncapped_score": score, "coverage": 1.0, "failed_by": None,
        "turns": turns, "interruptions": [], "holds": [], "dead_air": [], "raised_voice": [],
        "talk": None, "criteria": criteria, "flags": [{"id": f, "evidence": []} for f in flags],
        "warnings": [],
        "interruption_counts": None, "escalation": None, "second_opinion": None,
    }  # fmt: skip
    rows[CallRow].append(
        metadata
        | {"id": number, "recording_sha256": sha256, "call_id": call_id, "call_id_given": True}
        | {"path": f"/bench/{call_id}.wav", "direction": "inbound", "started_at": at.isoformat()}
        | {"started_at_utc": at, "agent_channel": "left", "language": "en"}
        | {"duration_s": duration_s, "stored_at": at}
    )
    totals = {"score": score, "uncapped_score": score, "coverage": 1.0, "failed_by": None}
    rows[ResultRow].append(
        totals
        | {"id": number, "call": number, "rubric_id": "leap", "rubric_version": "1"}
        | {"rubric_hash": "bench", "code_version": "0", "listening_key": "bench", "asked": None}
        | {"result_json": json.dumps(result), "metadata_json": None, "scored_at": at}
    )
    rows[AnswerRow] += [
        {"result": number, "criterion": found["id"], "answer": found["answer"]}
        | {key: found[key] for key in ("points", "max_points", "confidence")}
        for found in criteria
    ]
    rows[StandingRow].append(
        totals
        | {"call": number, "result": number, "at": at, "scored_at": at, "corrected": 0}
        | {"flags": spaced(flags), "disputed": 0}
        | {"answers": spaced(f"{found['id']}={found['answer']}" for found in criteria)}
        | {"agent_id": metadata["agent_id"], "team": metadata["team"]}
    )
    if last_night:
        rows[OutcomeRow].append(
            {"batch": 1, "path": f"/bench/{call_id}.wav", "status": "scored", "reason": None}
            | {"result": number, "at": at}
        )
    rows[ContactRow].append(
        {"call": number, "customer_id": metadata["customer_id"], "at": at}
        | {"duration_s": duration_s, "holds": 0, "hold_s": 0.0, "dead_air": 0, "dead_air_s": 0.0}
        | {"said_again": "repeat_contact" in flags, "upset": "asks_manager" in flags}
        | {"abusive": "abusive_customer" in flags}
    )
    rows["words"].append({"number": number, "words": "\n".join(turn["text"] for turn in turns)})


def _criterion(name: str, weight: int, skill: float, chance: random.Random) -> dict[str, Any]:
    answer = chance.choices(ANSWERS, (skill, 0.15, 1 - skill, 0.3, 0.05))[0]
    share = {"met": 1.0, "partial": 0.5, "missed": 0.0}.get(answer)
    return {
        "id": name, "answer": answer, "points": None if share is None else share * weight,
        "max_points": weight, "confidence": 0.9, "reason": "Made for measuring.", "evidence": [],
        "would_have_helped": None, "bonus": False,
    }  # fmt: skip


def _turns(lines: list[str], chance: random.Random) -> tuple[list[dict[str, Any]], float]:
    turns, at = [], 0.5
    for number in range(TURNS):
        line = chance.choice(lines)
        words = []
        for word in line.split():
            words.append({"start_s": round(at, 3), "end_s": round(at + 0.3, 3), "text": word})
            words[-1]["probability"] = 0.95
            at += 0.35
        role = ("agent", "customer")[number % 2]
        end_s = words[-1]["end_s"]
        turns.append({"role": role, "start_s": words[0]["start_s"], "end_s": end_s, "text": line})
        turns[-1]["words"] = words
        at += 0.4
    return turns, round(at, 3)


def _lines() -> list[str]:
    """What agents and customers say in the dialogues that the tagger learnt from."""
    said = (line for path in DIALOGUES.glob("*.txt") for line in path.read_text().splitlines())
    plain = (re.sub(r"\s*\{[^}]*\}", "", line.partition(":")[2]).strip() for line in said)
    return [line for line in plain if len(line.split()) > 3]


PAGES = {
    "overview": lambda _: "/",
    "overview, 90 days": lambda _: "/?days=90",
    "list": lambda _: "/calls",
    "list, lowest first": lambda _: "/calls?sort=lowest&state=flagged",
    "list of an agent": lambda chance: f"/calls?agent=ag-{chance.randrange(AGENTS):03}",
    "agent": lambda chance: f"/agents/ag-{chance.randrange(AGENTS):03}",
    "call": lambda chance: f"/calls/{chance.randrange(1, 1000)}",
    "search, common word": lambda _: "/calls?q=refund",
    "search, phrase": lambda _: "/calls?q=%22third+time%22+manager",
    "disputes": lambda _: "/disputes",
    "customers": lambda _: "/customers",
    "customer": lambda chance: f"/customers/cu-{chance.randrange(CUSTOMERS):05}",
    "calibration": lambda _: "/calibration",
}


def visit(url: str, name: str, tries: int, seed: int, took: dict[str, list[float]]) -> None:
    """Opens pages as somebody signed in, one after the other, as a person would."""
    chance = random.Random(seed)
    with httpx.Client(base_url=url, timeout=60) as client:
        time.sleep(chance.uniform(0, ARRIVE_WITHIN_S))
        token = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
        form = {"csrf": token[1] if token else "", "name": name, "password": PASSWORD}
        began = time.perf_counter()
        assert client.post("/sign-in", data=form).status_code == 303
        took["sign in"].append(time.perf_counter() - began)
        for page, address in [*PAGES.items()] * tries:
            began = time.perf_counter()
            response = client.get(address(chance))
            seconds = time.perf_counter() - began
            assert response.status_code in (200, 403, 404), f"{page}: {response.status_code}"
            if response.status_code == 200:
                took[page].append(seconds)
            time.sleep(chance.uniform(0, 2.0))


def serving(folder: Path, url: str | None) -> Iterator[str]:
    """The address of a site in a process of its own."""
    port = find_free_port()
    environment = os.environ | {"CALLSCORE_DATA_DIR": str(folder)}
    if url is not None:
        environment["CALLSCORE_DB_URL"] = url
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    address = f"http://localhost:{port}"
    for _ in range(100):
        try:
            httpx.get(f"{address}/sign-in")
            break
        except httpx.TransportError:
            time.sleep(0.2)
    try:
        yield address
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keeps the database there, or uses that one")
    parser.add_argument("--db", help="another database, such as PostgreSQL's address")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        url = asked.db or f"sqlite:///{folder.absolute() / 'callscore.db'}"
        names = [f"user{number}" for number in range(asked.users)]
        with Store(url) as store:
            if store.last_batch() is None:
                fill(store, asked.calls)
                for number, name in enumerate(names):
                    role = ("qa", "supervisor", "supervisor", "agent")[number % 4]
                    team, agent = f"team-{number % TEAMS:02}", f"ag-{number:03}"
                    person = add_person(store, name, role, [team], agent)
                    accept(store, invite(store, person.id), PASSWORD)
        for address in serving(folder, asked.db):
            took: dict[str, list[float]] = defaultdict(list)
            visitors = [
                threading.Thread(target=visit, args=(address, name, asked.rounds, seed, took))
                for seed, name in enumerate(names)
            ]
            for visitor in visitors:
                visitor.start()
            for visitor in visitors:
                visitor.join()
    table = Table(title=f"{asked.calls:,} calls, {asked.users} people at once; seconds")
    for heading in ("Page", "Pages", "50 %", "95 %", "99 %", "Longest"):
        table.add_column(heading, justify="left" if heading == "Page" else "right")
    for page in ["sign in", *PAGES, "all"]:
        seconds = [s for key in took for s in took[key] if page in (key, "all")]
        shown = [f"{x:.3f}" for x in (*np.percentile(seconds, (50, 95, 99)), max(seconds))]
        table.add_row(page, str(len(seconds)), *shown)
    Console().print(table)


if __name__ == "__main__":
    main()
