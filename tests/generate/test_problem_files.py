"""The problem files that are shipped: what they hold is right."""

import csv
import re

import pytest

from journey.generate import problem_files


@pytest.fixture
def first_grade(tmp_path):
    assert problem_files.write("first-grade", "train", tmp_path / "mine.csv") == 44
    with open(tmp_path / "mine.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_solutions_end_in_their_answer(first_grade):
    solved = [row for row in first_grade if row["solution"]]
    assert len(solved) == 4
    for row in solved:
        equations = re.findall(r"(\d+) ([+*-]) (\d+) = (\d+)", row["solution"])
        assert equations and all(calculated(*left) == int(right) for *left, right in equations), row
        assert equations[-1][-1] == row["answer"]


def test_the_others_take_one_calculation(first_grade):
    for row in first_grade:
        if not row["solution"]:
            one, two = re.findall(r"\d+", row["question"])
            assert int(row["answer"]) in {calculated(one, sign, two) for sign in "+-*"}, row


def calculated(one, sign, two):
    return {"+": int(one) + int(two), "-": int(one) - int(two), "*": int(one) * int(two)}[sign]
