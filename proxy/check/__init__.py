"""Is it set up right? One function a question, each answered by a ``Line``: pass, warn or fail, and what to do.

``machine``, ``sending`` and ``outbox`` look at this side; ``fetching`` gets what a stranger's server answers,
``reading`` and ``policy`` understand it, ``page`` judges it, and ``standing`` says all of it in one word. Which
questions are asked, and how the answers are printed: ``proxy.cli.checking``.
"""
