"""What the sandbox shows and forgets, and that it stays within its bounds."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.sandbox.app import create_app
from proxy.sandbox.memory import Memory, Receipt, Told

PIXEL, TOKEN = "COQDA8RC77U2TMR44LI0", "sandbox-token"


def test_an_accepted_request_and_its_events_are_shown_in_full(
    track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    answer = track(item, {**item, "event_id": "order-2"})
    shown = received()
    (request,) = shown["requests"]
    assert (request["status"], request["code"], request["message"]) == (200, 0, "OK")
    assert (request["items"], request["accepted"], request["token_matched"]) == (2, 2, True)
    assert request["request_id"] == answer["request_id"]
    assert [event["event_id"] for event in shown["server_events"]] == ["order-1", "order-2"]
    assert item.items() <= shown["server_events"][0].items()
    assert shown["server_events"][0]["received_at"] == 1_800_000_000
    assert shown["totals"] == {"requests": 1, "server_events": 2, "pixel_events": 0, "pairs": 2, "counted": 2}


def test_nothing_of_a_refused_batch_is_kept_as_event(
    track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    assert track(item, {**item, "event_id": 7})["code"] == 40002
    shown = received()
    assert shown["server_events"] == shown["pairs"] == []
    (request,) = shown["requests"]
    assert (request["code"], request["items"], request["accepted"]) == (40002, 2, 0)
    assert request["message"] == "Batch.1.event_id: Not a valid string"


def test_the_request_id_has_the_form_of_tiktoks(track: Callable[..., Any], item: dict[str, Any]) -> None:
    request_id = track(item)["request_id"]
    assert len(request_id) == 34
    assert request_id.startswith("20270115080000")


@pytest.mark.parametrize("token", [TOKEN, "a-secret-of-someone", "Bearer a-secret-of-someone"])
def test_no_token_is_ever_shown(
    track: Callable[..., Any], client: FlaskClient, item: dict[str, Any], token: str
) -> None:
    track(item, token=token)
    shown = client.get("/sandbox/received").get_data(as_text=True)
    assert "secret" not in shown
    assert TOKEN not in shown
    assert json.loads(shown)["requests"][0]["token_matched"] is (token == TOKEN)
    assert TOKEN not in client.get("/").get_data(as_text=True)


def test_test_events_are_kept_and_marked(
    track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    track(item, test_event_code="TEST123")
    assert received()["server_events"][0]["test_event_code"] == "TEST123"
    assert received()["requests"][0]["test_event_code"] == "TEST123"


def test_another_content_type_than_json_is_warned_of(
    client: FlaskClient, received: Callable[[], Any], item: dict[str, Any]
) -> None:
    body = json.dumps({"event_source": "web", "event_source_id": PIXEL, "data": [item]})
    client.post("/open_api/v1.3/event/track/", data=body, headers={"Access-Token": TOKEN})
    assert received()["requests"][0]["warnings"] == ["Content-Type: must be application/json"]


def test_a_foreign_pixels_event_is_kept_under_its_own_code(
    tell_pixel: Callable[..., Any], received: Callable[[], Any]
) -> None:
    tell_pixel(code="FOREIGN")
    (event,) = received()["pixel_events"]
    assert (event["pixel_code"], event["known"]) == ("FOREIGN", False)


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"event_id": ""}, "event_id: missing or no string, so TikTok cannot tell it from the server's event"),
        ({"event_id": 5}, "event_id: missing or no string, so TikTok cannot tell it from the server's event"),
        ({"properties": {"event_id": "x"}}, "properties.event_id: belongs beside properties, not inside"),
        ({"properties": {"value": "1"}}, "properties.value: Not a valid number"),
    ],
)
def test_the_pixel_takes_what_the_events_api_refuses_but_warns(
    tell_pixel: Callable[..., Any], received: Callable[[], Any], fields: dict[str, Any], warning: str
) -> None:
    assert tell_pixel(**fields).status_code == 200
    assert warning in received()["pixel_events"][0]["warnings"]


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"event":"X"}', '{"context":{"pixel":{"code":"A"}}}'])
def test_a_pixel_post_that_is_no_event_is_refused_and_logged(
    client: FlaskClient, received: Callable[[], Any], body: str
) -> None:
    assert client.post("/api/v2/pixel", data=body).status_code == 400
    assert received()["pixel_events"] == []
    assert received()["requests"][0]["status"] == 400


def test_browsers_of_any_origin_may_post_without_a_preflight_trouble(
    client: FlaskClient, tell_pixel: Callable[..., Any]
) -> None:
    assert tell_pixel().headers["Access-Control-Allow-Origin"] == "*"
    preflight = client.options("/api/v2/pixel")
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert client.post("/api/v2/pixel/perf", data="x").status_code == 200


def test_loading_the_script_is_a_request_that_shows(client: FlaskClient, received: Callable[[], Any]) -> None:
    answer = client.get(f"/i18n/pixel/events.js?sdkid={PIXEL}&lib=ttq")
    assert answer.mimetype == "text/javascript"
    (request,) = received()["requests"]
    assert (request["path"], request["pixel_code"]) == ("/i18n/pixel/events.js", PIXEL)


def test_forgetting_empties_everything(
    client: FlaskClient, track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    track(item)
    assert client.delete("/sandbox/received").status_code == 204
    shown = received()
    assert [shown[name] for name in ("requests", "server_events", "pixel_events", "pairs")] == [[], [], [], []]
    assert set(shown["totals"].values()) == {0}


def test_a_limit_shows_the_newest_rows(client: FlaskClient, track: Callable[..., Any], item: dict[str, Any]) -> None:
    for number in range(5):
        track({**item, "event_id": str(number)})
    shown = client.get("/sandbox/received?limit=2").get_json()
    assert [event["event_id"] for event in shown["server_events"]] == ["3", "4"]
    assert shown["totals"]["server_events"] == 5
    assert client.get("/sandbox/received?limit=-1").status_code == 400


def test_unchanged_memory_is_not_told_again(
    client: FlaskClient, track: Callable[..., Any], item: dict[str, Any]
) -> None:
    etag = client.get("/sandbox/received").headers["ETag"]
    assert client.get("/sandbox/received", headers={"If-None-Match": etag}).status_code == 304
    track(item)
    assert client.get("/sandbox/received", headers={"If-None-Match": etag}).status_code == 200


def test_the_oldest_rows_leave_a_full_memory(item: dict[str, Any]) -> None:
    client = create_app({PIXEL: TOKEN}, keep_rows=10).test_client()
    for number in range(30):
        body = {"event_source": "web", "event_source_id": PIXEL, "data": [{**item, "event_id": str(number)}]}
        client.post("/open_api/v1.3/event/track/", json=body, headers={"Access-Token": TOKEN})
    shown = client.get("/sandbox/received").get_json()
    assert [event["event_id"] for event in shown["server_events"]] == [str(number) for number in range(20, 30)]
    assert shown["totals"]["server_events"] == 30


def test_bodies_are_bounded_in_bytes_too() -> None:
    memory = Memory(keep_rows=100, keep_bytes=1000)
    for _ in range(50):
        memory.keep(Receipt("POST", "/", 0.0, 200, leg="server", body=b"x" * 100, events=[Told("A", "1")]))
    assert len(memory.snapshot()[0]) == 10


def test_many_threads_lose_nothing(item: dict[str, Any]) -> None:
    app = create_app({PIXEL: TOKEN})

    def post(worker: int) -> None:
        client = app.test_client()
        for number in range(20):
            data = [{**item, "event_id": f"{worker}.{number}"}]
            body = {"event_source": "web", "event_source_id": PIXEL, "data": data}
            client.post("/open_api/v1.3/event/track/", json=body, headers={"Access-Token": TOKEN})

    workers = [threading.Thread(target=post, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    shown = app.test_client().get("/sandbox/received").get_json()
    assert len({event["event_id"] for event in shown["server_events"]}) == 160
    assert len({request["number"] for request in shown["requests"]}) == 160
