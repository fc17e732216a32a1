"""The stand-in for TikTok that comes with the product. It borrows no other room's code, so that it can contradict it.

The theory is in ``rules`` (what TikTok refuses, and what it drops in silence) and ``pairs`` (what TikTok counts);
``memory``, ``clock`` and ``behave`` hold the state; ``track``, ``pixel`` and ``control`` are the doors.
"""
