"""The recovery probe (`--strategy greedy,recover`): prefixes with a mistake, their clean twins, and who recovers.

prefixes    the prefixes: a false value put into a right text, or a model's own first false step
asking      every run goes on from all of them, greedily
rules       what a continuation does about the mistake
tables      writer by reader, and the two comparisons of every pair of arms
"""
