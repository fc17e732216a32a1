"""Runs ``pixelpair`` as on a machine whose resolver is down while the file of ``ODD_NO_NAMES`` is there, and which
trusts the certificates of ``ODD_TRUSTED`` alone. Both reach no further than this process.
"""

import os
import socket
from pathlib import Path
from typing import Any

import requests.adapters

from proxy.cli import main

_look_up = socket.getaddrinfo


def _fail_or_look_up(*names: Any, **kind: Any) -> Any:
    if Path(os.environ.get("ODD_NO_NAMES") or "/nonexistent").exists():
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _look_up(*names, **kind)


socket.getaddrinfo = _fail_or_look_up
requests.adapters.DEFAULT_CA_BUNDLE_PATH = os.environ.get("ODD_TRUSTED") or requests.adapters.DEFAULT_CA_BUNDLE_PATH
main()
