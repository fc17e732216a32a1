"""TikTok told to misbehave: the answer is as asked for, for as long as asked for; events are kept only if said so."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.serving import make_server

PATH, TOKEN, PIXEL = "/open_api/v1.3/event/track/", "sandbox-token", "COQDA8RC77U2TMR44LI0"


@pytest.fixture
def post(client: FlaskClient, item: dict[str, Any]) -> Callable[..., Any]:
    """Posts a batch of these event_ids and returns the raw answer."""

    def send(*event_ids: str, pixel: str = PIXEL, token: str = TOKEN) -> Any:
        data = [{**item, "event_id": event_id} for event_id in event_ids or ("order-1",)]
        body = {"event_source": "web", "event_source_id": pixel, "data": data}
        return client.post(PATH, json=body, headers={"Access-Token": token})

    return send


def test_a_code_is_answered_over_http_200_and_used_up(
    client: FlaskClient, post: Callable[..., Any], received: Callable[[], Any]
) -> None:
    client.post("/sandbox/behave", json={"path": "track", "status": 200, "code": 40100, "times": 2})
    answers = [post() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.get_json()["code"] for answer in answers] == [40100, 40100, 0]
    assert len(received()["server_events"]) == 1
    assert [request["code"] for request in received()["requests"]] == [40100, 40100, 0]


def test_the_full_form_of_the_manual_changes_nothing_but_is_valid(
    client: FlaskClient, post: Callable[..., Any], received: Callable[[], Any]
) -> None:
    full = {"path": "track", "status": 200, "code": 0, "delay_ms": 0, "times": 1, "body": None, "headers": {}}
    assert client.post("/sandbox/behave", json=full).status_code == 200
    assert post().get_json()["code"] == 0
    assert len(received()["server_events"]) == 1


def test_null_times_last_until_reset(client: FlaskClient, post: Callable[..., Any]) -> None:
    client.post("/sandbox/behave", json={"path": "track", "code": 50000, "times": None})
    assert {post().get_json()["code"] for _ in range(5)} == {50000}
    assert client.delete("/sandbox/behave").status_code == 204
    assert post().get_json()["code"] == 0


def test_a_bare_status_is_a_gateways_html_page(client: FlaskClient, post: Callable[..., Any]) -> None:
    client.post("/sandbox/behave", json={"path": "track", "status": 502, "headers": {"Retry-After": "3"}})
    answer = post()
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (502, "text/html", "3")
    assert "502 Bad Gateway" in answer.text


@pytest.mark.parametrize(
    ("body", "mimetype", "text"),
    [("<html>", "text/html", "<html>"), ({"ok": True}, "application/json", '{"ok": true}'), ("", "text/html", "")],
)
def test_a_body_is_answered_as_it_is(
    client: FlaskClient, post: Callable[..., Any], received: Callable[[], Any], body: Any, mimetype: str, text: str
) -> None:
    client.post("/sandbox/behave", json={"path": "track", "body": body})
    answer = post()
    assert (answer.status_code, answer.mimetype, answer.text) == (200, mimetype, text)
    assert received()["server_events"] == []


def test_accept_keeps_the_events_of_a_failed_answer(
    client: FlaskClient, post: Callable[..., Any], received: Callable[[], Any]
) -> None:
    client.post("/sandbox/behave", json={"path": "track", "status": 500, "accept": True})
    assert post().status_code == 500
    assert post().status_code == 200
    (pair,) = received()["pairs"]
    assert (pair["server_arrivals"], pair["counted"]) == (2, 1)


def test_a_content_length_beyond_the_body_cuts_the_connection(
    client: FlaskClient, item: dict[str, Any], received: Callable[[], Any]
) -> None:
    cut = {"path": "track", "body": '{"code"', "headers": {"Content-Length": "500"}, "accept": True}
    client.post("/sandbox/behave", json=cut)
    server = make_server("127.0.0.1", 0, client.application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        body = {"event_source": "web", "event_source_id": PIXEL, "data": [item]}
        url = f"http://127.0.0.1:{server.port}{PATH}"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.post(url, json=body, headers={"Access-Token": TOKEN}, timeout=10)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(received()["server_events"]) == 1


def test_refused_ids_refuse_the_batches_that_hold_them(client: FlaskClient, post: Callable[..., Any]) -> None:
    client.post("/sandbox/behave", json={"path": "track", "times": None, "refuse_ids": ["bad"]})
    assert post("a", "bad", "b").get_json()["message"].startswith("Batch.1.event_id: ")
    assert post("bad").get_json()["code"] == 40002
    assert post("a", "b").get_json()["code"] == 0


def test_a_behaviour_may_hold_for_one_pixel_only(client: FlaskClient, post: Callable[..., Any]) -> None:
    client.post("/sandbox/behave", json={"path": "track", "code": 50000, "times": None, "pixel_code": PIXEL})
    assert post().get_json()["code"] == 50000
    assert post(pixel="OTHERPIXEL0000000000", token="other-token").get_json()["code"] == 0


def test_a_delay_is_waited_after_the_events_are_kept(
    client: FlaskClient, post: Callable[..., Any], received: Callable[[], Any]
) -> None:
    client.post("/sandbox/behave", json={"path": "track", "delay_ms": 120})
    started = time.monotonic()
    assert post().get_json()["code"] == 0
    assert time.monotonic() - started >= 0.12
    assert len(received()["server_events"]) == 1


def test_the_pixels_doors_misbehave_too(
    client: FlaskClient, tell_pixel: Callable[..., Any], received: Callable[[], Any]
) -> None:
    client.post("/sandbox/behave", json={"path": "pixel", "status": 503})
    client.post("/sandbox/behave", json={"path": "events.js", "status": 404})
    assert tell_pixel().status_code == 503
    assert client.get("/i18n/pixel/events.js").status_code == 404
    assert received()["pixel_events"] == []
    assert tell_pixel().status_code == 200
    assert client.get("/i18n/pixel/events.js").status_code == 200


def test_what_is_left_of_a_behaviour_is_shown(client: FlaskClient, post: Callable[..., Any]) -> None:
    client.post("/sandbox/behave", json={"path": "track", "code": 50000, "times": 3})
    post()
    (left,) = client.get("/sandbox/behave").get_json()
    assert (left["path"], left["code"], left["times"]) == ("track", 50000, 2)
    assert client.get("/sandbox/received").get_json()["behave"] == [left]


BAD = [
    ({}, "path: "),
    ([], "the body "),
    ({"path": "nowhere"}, "path: "),
    ({"path": "track", "status": 99}, "status: "),
    ({"path": "track", "status": "200"}, "status: "),
    ({"path": "track", "code": -1}, "code: "),
    ({"path": "track", "delay_ms": 10**9}, "delay_ms: "),
    ({"path": "track", "times": 0}, "times: "),
    ({"path": "track", "times": True}, "times: "),
    ({"path": "track", "body": 7}, "body: "),
    ({"path": "track", "headers": {"X": "a\r\nb"}}, "headers: "),
    ({"path": "track", "headers": []}, "headers: "),
    ({"path": "track", "accept": 1}, "accept: "),
    ({"path": "track", "refuse_ids": "a"}, "refuse_ids: "),
    ({"path": "track", "colour": "red"}, "colour: "),
]


@pytest.mark.parametrize(("told", "words"), BAD)
def test_a_behaviour_that_is_none_is_refused_by_field(client: FlaskClient, told: Any, words: str) -> None:
    answer = client.post("/sandbox/behave", json=told)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"].startswith(words)
