"""Reasoning behaviour in the models' answers: backtracking, verification, first and final answers, loops, false steps.

Everything is read from the model's own text by rules, never from the phrase bank that training texts were made with.
How often the rules err is measured in `docs/results/behaviour.md`. Import what is needed from:

    records    Behaviour and the parts of behaviour.json
    reading    read(text, problem, view) -> Reading: the marked places of one answer
    measure    behaviour.json of an evaluation folder, from its stored samples
    judge      the same counts by a model, and its agreement with the rules
"""
