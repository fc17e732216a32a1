"""The trade itself: untrusted JSON in, the finished item for TikTok out.

Pure: no I/O, no Flask, no clock, no randomness; what is needed from outside comes in as an argument.
"""
