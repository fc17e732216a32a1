"""Speed as figures: every row is measured here and now, beside its baseline. Run by ``./dev bench``; see README.md."""
