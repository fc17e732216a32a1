"""The web servers: waitress in this process, or worker processes that each run granian. Knows WSGI apps, no doors."""

from proxy.serving.on_waitress import Server as Server
