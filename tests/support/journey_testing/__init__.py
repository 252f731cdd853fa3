"""What several tests need: tiny models and tokenizers, pairs, runs, stage folders, a Hub on the loopback address.

pytest has `tests/support` on its path (pyproject.toml), so a test says `from journey_testing.models import tiny_model`.
The folder `tests`, or the checkout, must never be on the path: the folder `evaluate` would shadow Hugging Face's library.
"""
