"""Passing a request on to the server behind, as a shop's web server does."""

import urllib3
from werkzeug import Request, Response

# They concern one connection only (RFC 9110, section 7.6.1); the length is that of the new body.
_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


def pass_on(pool: urllib3.PoolManager, behind: str, request: Request, **headers: str) -> Response:
    """What the server at the base address ``behind`` answers to this request, told with ``headers`` besides."""
    told = {name: value for name, value in request.headers if name.lower() not in _OWN}
    answer = pool.request(
        request.method,
        behind + request.environ["REQUEST_URI"],
        body=request.get_data(),
        headers={**told, **headers},
        redirect=False,
        retries=False,
        decode_content=False,
    )
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
    return Response(answer.data, answer.status, kept)
