"""Publishing to the Hugging Face Hub: finished folders as datasets and adapters that other trainers use unchanged.

Local first: what would go up is built as a folder, checked, and only then sent as one commit.
"""
