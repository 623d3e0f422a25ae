"""A second opinion, asked of a local server that speaks the protocol: well, badly, not at all."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.batch import Batch, score_one
from pipeline.call import judge
from pipeline.find import Found
from pipeline.records import CallFacts, Engines, Metadata, Sound, Turn
from pipeline.rubric import load_rubric, load_rubrics
from pipeline.second_opinion import DIFFERS, ask
from pipeline.settings import Settings
from pipeline.verify import verify
from tests.fakes import NoEngines

RUBRIC = load_rubric()
FACTS = CallFacts(
    Metadata("c-77", agent_name="Imogen Secretname"),
    (
        Turn("agent", "Fernhill Gas, how can I help?"),
        Turn("customer", "Your fitter never came, and I took a day off work for him."),
        Turn("agent", "I'm so sorry about that. I have booked him for 9 tomorrow."),
        Turn("customer", "All right, thank you."),
    ),
    Engines("given", "given", "0"),
    language="en",
)


def answer(name: str, value: str, *quotes: tuple[int, str]) -> dict:
    return {
        "id": name, "answer": value, "reason": "Because.",
        "quotes": [{"turn": turn, "words": words} for turn, words in quotes],
    }  # fmt: skip


def completion(*answers: dict, **choice: object) -> dict:
    content = json.dumps({"criteria": list(answers)})
    message = {"role": "assistant", "content": content}
    return {"choices": [{"message": message, "finish_reason": "stop"} | choice]}


class Server:
    """Replies with what ``replies`` holds, in turn, the last one again and again."""

    def __init__(self) -> None:
        self.replies: list[Callable[[BaseHTTPRequestHandler], None] | dict] = []
        self.requests: list[dict] = []
        self.headers: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.requests.append(json.loads(self.rfile.read(length)))
                outer.headers.append(dict(self.headers))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                if callable(reply):
                    reply(self)
                else:
                    send(self, 200, json.dumps(reply))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body.encode())))
    handler.end_headers()
    handler.wfile.write(body.encode())


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def asking(server: Server, settings: Settings) -> Settings:
    given = {"second_opinion_url": server.url, "second_opinion_timeout_s": 5.0}
    return settings.model_copy(update=given)


def test_is_asked_the_guide_and_nothing_but_words(server, asking):
    server.replies = [completion(answer("apologize", "met", (2, "I'm so sorry about that")))]
    ask(FACTS, RUBRIC, asking)
    sent = server.requests[0]
    assert "[1] customer: Your fitter never came" in sent["messages"][1]["content"]
    assert "## 3. Apologize" in sent["messages"][0]["content"]
    assert sent["response_format"]["type"] == "json_schema"
    assert "c-77" not in json.dumps(sent)
    assert "Imogen" not in json.dumps(sent)
    assert "Authorization" not in server.headers[0]


def test_a_key_goes_into_the_header_alone(server, settings):
    server.replies = [completion()]
    keyed = Settings(
        data_dir=settings.data_dir, second_opinion_url=server.url, second_opinion_key="sesame"
    )
    opinion = ask(FACTS, RUBRIC, keyed)
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    assert "sesame" not in repr(keyed) + repr(opinion) + json.dumps(server.requests)


def test_quotes_are_looked_up_word_for_word(server, asking):
    server.replies = [
        completion(
            answer("apologize", "met", (2, "i’m so SORRY, about that"), (2, "a thousand pardons")),
            answer("solve", "missed", (2, "we can do nothing for you")),
            answer("empathize", "met", (0, "I took a day off work")),
            answer("no_such_criterion", "met"),
        )
    ]
    opinion = ask(FACTS, RUBRIC, asking)
    by_id = {given.id: given for given in opinion.answers}
    assert [e.quote for e in by_id["apologize"].evidence] == ["I'm so sorry about that"]
    assert (by_id["apologize"].quotes_dropped, by_id["apologize"].supported) == (1, True)
    assert (by_id["solve"].evidence, by_id["solve"].supported) == ((), False)
    assert by_id["empathize"].evidence[0].role == "customer"  # found in another turn than named
    assert "no_such_criterion" not in by_id
    assert "listen_first" in opinion.problem


def test_never_replaces_an_answer_and_queues_what_differs(server, asking):
    server.replies = [completion(answer("apologize", "missed", (1, "Your fitter never came")))]
    opinion = ask(FACTS, RUBRIC, asking)
    alone, beside = judge(FACTS, RUBRIC), judge(FACTS, RUBRIC, opinion)
    assert beside.scorecard.criteria == alone.scorecard.criteria
    assert beside.scorecard.score == alone.scorecard.score
    flag = next(flag for flag in beside.scorecard.flags if flag.id == DIFFERS)
    assert [e.quote for e in flag.evidence] == ["Your fitter never came"]


def test_what_the_model_cannot_tell_is_no_other_answer(server, asking):
    """It reads words only; what needs sound is not for it to say."""
    heard = replace(FACTS, sound=Sound(effort_measurable=("agent", "customer")))
    sound = ("no_talking_over", "composure", "hold_handling")
    server.replies = [completion(*(answer(name, "cannot_tell") for name in sound))]
    flags = judge(heard, RUBRIC, ask(heard, RUBRIC, asking)).scorecard.flags
    assert DIFFERS not in {flag.id for flag in flags}


def test_an_invented_quote_queues_nothing(server, asking):
    server.replies = [completion(answer("apologize", "missed", (2, "I am not sorry at all")))]
    flags = judge(FACTS, RUBRIC, ask(FACTS, RUBRIC, asking)).scorecard.flags
    assert DIFFERS not in {flag.id for flag in flags}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (completion(finish_reason="length"), "cut off"),
        (completion(finish_reason="content_filter"), "refused"),
        ({"choices": [{"message": {"refusal": "I will not judge people."}}]}, "refused"),
        ({"choices": [{"message": {"content": "She was nice, I say 8/10."}}]}, "not the JSON"),
        ({"choices": [{"message": {"content": None}}]}, "not the JSON"),
        (completion(answer("solve", "superb")), "not the JSON"),
        ({"error": "no such model"}, "not a chat completion"),
        (lambda handler: send(handler, 200, "<html>"), "not JSON"),
        (lambda handler: send(handler, 401, "{}"), "answered 401"),
        (lambda handler: send(handler, 503, "{}"), "answered 503"),
        (lambda handler: handler.wfile.close(), "not reached"),
    ],
)
def test_what_can_go_wrong_is_said_without_words_of_the_call(server, asking, reply, says):
    server.replies = [reply]
    opinion = ask(FACTS, RUBRIC, asking)
    assert opinion.answers == ()
    assert says in opinion.problem
    assert "fitter" not in opinion.problem


def test_a_busy_server_is_asked_twice(server, asking):
    server.replies = [
        lambda handler: send(handler, 429, "{}"),
        completion(answer("solve", "met", (2, "booked him"))),
    ]
    assert [given.id for given in ask(FACTS, RUBRIC, asking).answers] == ["solve"]


def test_a_slow_server_is_given_up(server, asking):
    server.replies = [lambda _: time.sleep(0.5)]
    hasty = asking.model_copy(update={"second_opinion_timeout_s": 0.1})
    assert "within 0.1 s" in ask(FACTS, RUBRIC, hasty).problem


def test_json_in_a_code_fence_is_read(server, asking):
    reply = completion(answer("solve", "met", (2, "booked him")))
    message = reply["choices"][0]["message"]
    message["content"] = f"```json\n{message['content']}\n```"
    server.replies = [reply]
    assert [given.id for given in ask(FACTS, RUBRIC, asking).answers] == ["solve"]


def test_a_batch_asks_once_keeps_it_and_verifies(
    server, asking, store, listener, make_wav, tmp_path
):
    server.replies = [completion(answer("apologize", "met", (2, "so sorry")))]
    rubrics = load_rubrics("leap", {})
    batch = Batch(store.start_batch("test"), asking, rubrics, NoEngines(), store, listener)
    found = Found(make_wav(tmp_path / "calls" / "a.wav"))
    outcome = score_one(found, batch)
    shown = store.result(outcome.result_id)["second_opinion"]
    assert shown["answers"][0]["evidence"][0]["quote"] == "so sorry"
    next_night = replace(batch, id=store.start_batch("test"))
    assert score_one(found, next_night).status == "skipped"
    assert len(server.requests) == 1
    assert [receipt.verdict for receipt in verify(store)] == ["same"]


def test_a_batch_scores_without_the_model_and_asks_again_next_time(
    server, asking, store, listener, make_wav, tmp_path
):
    server.replies = [lambda handler: send(handler, 500, "{}")]
    rubrics = load_rubrics("leap", {})
    batch = Batch(store.start_batch("test"), asking, rubrics, NoEngines(), store, listener)
    found = Found(make_wav(tmp_path / "calls" / "a.wav"))
    first = score_one(found, batch)
    assert (first.status, store.result(first.result_id)["second_opinion"]["problem"]) == (
        "scored", "the server answered 500",
    )  # fmt: skip
    server.replies = [completion(answer("apologize", "met", (2, "so sorry")))]
    second = score_one(found, batch)
    assert second.status == "scored"
    assert store.result(second.result_id)["second_opinion"]["answers"]
    assert listener.heard == ["a.wav"]


def test_nothing_is_sent_unless_configured(server, settings, store, listener, make_wav, tmp_path):
    server.replies = [completion()]
    rubrics = load_rubrics("leap", {})
    batch = Batch(store.start_batch("t"), settings, rubrics, NoEngines(), store, listener)
    score_one(Found(make_wav(tmp_path / "calls" / "a.wav")), batch)
    assert server.requests == []
