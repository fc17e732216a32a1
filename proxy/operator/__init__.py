"""The operator's app on its own port: what came in, what TikTok said, and what a person has to do. Reads only."""
