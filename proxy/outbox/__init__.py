"""The durable waiting room between the public doors and TikTok, of which it knows nothing."""
