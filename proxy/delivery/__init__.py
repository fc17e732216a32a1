"""From the outbox to TikTok: when, in which batches, and what becomes of each answer."""
