"""All that only TikTok knows about transport: one call out, one verdict on what came back.

Imports no other room. Outbox, clock and settings come in as arguments.
"""
