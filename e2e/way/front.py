"""A reverse proxy before the demo, as a shop has one: it tells the proxy behind it the shopper's public address."""

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from werkzeug import Request, Response

from e2e.passing_on import pass_on
from e2e.serving import serve


@contextmanager
def front(behind: str, address: str) -> Iterator[str]:
    """Serves what is at ``behind``, with ``address`` as the client's; gives its own base address."""
    with urllib3.PoolManager(maxsize=20) as pool:

        @Request.application
        def app(request: Request) -> Response:
            return pass_on(pool, behind, request, **{"X-Forwarded-For": address})

        with serve(app) as url:
            yield url
