"""The arithmetic family: solvable graphs within the level's rules, in two forms, from independent streams."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from journey.answers.claims import evaluate, graph_values
from journey.catalog import FAMILIES
from journey.generate.families.arithmetic import LEVELS, Arithmetic
from journey.generate.slips.annotated import annotated
from journey.schema import Problem, problem_id

FAMILY = Arithmetic()


def problems(level: int, count: int = 300, seed: int = 0) -> list[Problem]:
    return [FAMILY.problem(seed, index, level) for index in range(count)]


def solve(brief: str) -> Fraction:
    """The answer of a terse question, by this test's own reading of it."""
    values: dict[str, Fraction] = {}
    *lines, asked = brief.split(" ; ")
    for line in lines:
        name, expression = line.split(" = ")
        values[name] = evaluate(expression, values)
    found = re.fullmatch(r"find ([a-z]) :", asked)
    assert found
    return values[found[1]]


@pytest.mark.parametrize("level", LEVELS)
def test_problems_are_right_and_within_their_level(level: int) -> None:
    rules = LEVELS[level]
    for problem in problems(level):
        assert solve(problem.brief) == Fraction(problem.answer)
        assert problem.id == problem_id("arithmetic", problem.brief)
        assert (problem.source, problem.check, problem.licence, problem.level) == (
            "arithmetic",
            "value",
            "Apache-2.0",
            level,
        )
        graph = annotated(problem)
        assert rules.steps[0] <= len(graph.steps) <= rules.steps[1]
        assert not any(step.opaque for step in graph.steps)
        assert graph_values(graph.quantities) == graph.values
        assert all(value.denominator == 1 and 0 <= value <= rules.largest for value in graph.values.values())
        signs = {token for step in graph.steps for each in step.equations for token in each.tokens if token in "+-*/"}
        assert signs <= set(rules.operations)


@pytest.mark.parametrize("level", LEVELS)
def test_every_number_stands_for_one_quantity(level: int) -> None:
    for problem in problems(level):
        graph = annotated(problem)
        for step in graph.steps:
            for equation in step.equations:
                assert equation.span is not None and equation.result is not None, problem.solution
                assert all(operand.link for operand in equation.operands), problem.question


@pytest.mark.parametrize("level", LEVELS)
def test_letters_and_spans_name_what_each_step_computes(level: int) -> None:
    for problem in problems(level):
        graph, facts = annotated(problem), problem.facts
        assert len(facts["letters"]) == len(facts["spans"]) == len(graph.steps)
        said = [problem.question[start:end] for start, end in facts["spans"]]
        if facts["form"] == "symbols":
            for letter, words in zip(facts["letters"], said, strict=True):
                assert re.fullmatch(rf"{letter} = [a-z] [-+*/] ([a-z]|\d+)", words), words
        else:
            assert all(words and words in problem.question and words[0].isupper() for words in said)


def test_questions_read_as_sentences_and_vary() -> None:
    found = problems(1, 600) + problems(2, 600)
    for problem in found:
        assert problem.question == " ".join(problem.question.split())
        assert problem.question[0].isupper() and problem.question[-1] in ".?"
        assert not re.search(r"[{}]|\b1 \w+s\b", problem.question)
    forms = [problem.facts["form"] for problem in found]
    assert 0.4 < forms.count("symbols") / len(forms) < 0.6
    shapes = {re.sub(r"\d+|\b[A-Z]\w+", "#", problem.question) for problem in found if problem.facts["form"] == "story"}
    assert len(shapes) > 200


def test_level_raises_difficulty() -> None:
    sizes = []
    for level in LEVELS:
        graphs = [annotated(problem) for problem in problems(level)]
        steps = sum(len(graph.steps) for graph in graphs) / len(graphs)
        sizes.append((steps, sum(max(graph.values.values()) for graph in graphs) / len(graphs)))
    assert sizes == sorted(sizes) and sizes[0][0] + 0.5 < sizes[1][0] < sizes[2][0] - 0.5


def test_same_seed_same_problems_and_other_seeds_are_disjoint() -> None:
    assert problems(2) == problems(2)
    ids = [{problem.id for problem in problems(3, 300, seed)} for seed in (0, 1)]
    assert not ids[0] & ids[1]
    assert FAMILY.problem(0, 5, 2, attempt=1) != FAMILY.problem(0, 5, 2)
    assert len({problem.id for problem in problems(1, 1000)}) > 980


def test_compact_questions_keep_to_a_small_vocabulary() -> None:
    for level in (1, 2):
        for problem in problems(level):
            assert all(re.fullmatch(r"[a-z]|find|\d{1,3}|[-+*/=;:]", word) for word in problem.brief.split())


def test_it_is_in_the_catalog_with_its_levels() -> None:
    entry = FAMILIES.entry("arithmetic")
    assert entry.target is Arithmetic and set(entry.facts["levels"]) == set(LEVELS)
    assert entry.summary.startswith("Arithmetic in several steps")


def test_a_hand_worked_problem() -> None:
    question = "Let a = 12 and b = 5. Let c = a + b. Let d = c * 2. What is d?"
    solution = "c is 12 + 5 = <<12+5=17>>17.\nd is 17 * 2 = <<17*2=34>>34.\n#### 34"
    graph = annotated(Problem("p", question, "34", "arithmetic", solution=solution))
    assert [each.expression for each in graph.quantities] == [None, None, None, "q1 + q2", "s1 * q3"]
    assert graph.values["s2"] == 34 and graph.final == "s2"
