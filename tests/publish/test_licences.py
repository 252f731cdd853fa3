"""Which licence fits which sources, and what a base asks for besides."""

from __future__ import annotations

import pytest

from journey.errors import UsageError
from journey.publish.tables.licences import KNOWN, choose, duties, known, teachers_known


@pytest.mark.parametrize(
    "sources, chosen",
    [
        ({}, "apache-2.0"),
        ({"countdown": "Apache-2.0"}, "apache-2.0"),
        ({"gsm8k": "MIT"}, "mit"),
        ({"gsm8k": "MIT", "countdown": "Apache-2.0"}, "apache-2.0"),
        ({"a": "MIT", "b": "cc-by-4.0"}, "cc-by-4.0"),
        ({"a": "MIT", "b": "CC-BY-SA-4.0"}, "cc-by-sa-4.0"),
        ({"a": "MIT", "b": "cc-by-nc-4.0"}, "cc-by-nc-4.0"),
        ({"a": "cc0-1.0"}, "cc0-1.0"),
        ({"a": "llama3.1", "b": "mit"}, "llama3.1"),
    ],
)
def test_without_a_choice_the_strictest(sources: dict[str, str | None], chosen: str) -> None:
    assert choose(sources, None).id == chosen


@pytest.mark.parametrize(
    "sources, asked, said",
    [
        ({"a": None}, None, "a has no licence"),
        ({"a": "my own"}, None, "not known here"),
        ({"a": "cc-by-nd-4.0"}, None, "nothing made from it"),
        ({"a": "cc-by-sa-4.0", "b": "gpl-3.0"}, None, "no one licence fits"),
        ({"a": "cc-by-sa-4.0"}, "mit", "which what is made from it must keep"),
        ({"a": "cc-by-nc-4.0"}, "apache-2.0", "no commercial use"),
        ({"a": "mit"}, "cc0-1.0", "authors must be named"),
        ({"a": "llama3.1"}, "apache-2.0", "must keep"),
        ({"a": "mit"}, "wtfpl", "unknown licence"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(sources: dict[str, str | None], asked: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose(sources, asked)


@pytest.mark.parametrize("given", ["math-shepard", "a=mitt,b"])
def test_a_licence_that_was_said_of_no_source_is_named(given: str) -> None:
    with pytest.raises(UsageError, match=f"names '{given}', not among a, b"):
        choose({"a": "mit", "b": None}, None, given=["a", given])
    with pytest.raises(UsageError, match=f"names '{given}', not among a, gpt-x"):
        teachers_known({"gpt-x": None}, ["a"], ["a", given])
    with pytest.raises(UsageError) as all_known:
        choose({"a": "mit", "b": None}, None, given=["a"])
    assert "names" not in str(all_known.value)


@pytest.mark.parametrize("sources, asked", [({"a": "mit"}, "apache-2.0"), ({"a": "cc0-1.0"}, "cc-by-nc-4.0")])
def test_a_stricter_one_may_be_asked_for(sources: dict[str, str | None], asked: str) -> None:
    assert choose(sources, asked).id == asked


def test_names_as_people_write_them() -> None:
    assert {known(name) for name in ("MIT", "mit license", " Mit ")} == {KNOWN["mit"]}
    assert known("Apache License 2.0") is KNOWN["apache-2.0"] and known("proprietary") is None


@pytest.mark.parametrize(
    "licence, name, fits",
    [
        ("llama3.1", "Llama-journey", True),
        ("llama3.1", "llama-3.1-8b-journey", True),
        ("llama3.1", "journey-llama", False),
        ("llama3", "Llama-3-journey", True),
        ("llama3", "Llama-journey", False),
        ("llama2", "journey", True),
        ("gemma", "journey", True),
        ("apache-2.0", "journey", True),
    ],
)
def test_llamas_name_begins_the_name(licence: str, name: str, fits: bool) -> None:
    base = ("org/base", licence)
    if fits:
        duties(name, base, {}, None)
    else:
        with pytest.raises(UsageError, match="must begin with 'Llama"):
            duties(name, base, {}, None)


def test_llamas_notice_banner_and_text() -> None:
    owed = duties("Llama-x", ("meta-llama/Llama-3.1-8B", "llama3.1"), {}, None)
    assert owed.licence.id == "llama3.1" and owed.banners == ("Built with Llama",) and owed.texts
    assert owed.notice.startswith("Llama 3.1 is licensed under the Llama 3.1 Community License")


def test_a_teachers_duty_reaches_the_model() -> None:
    base, teachers = ("Qwen/Qwen2.5-1.5B", "apache-2.0"), {"meta-llama/Llama-3.1-70B": "llama3.1"}
    with pytest.raises(UsageError, match="the teacher meta-llama/Llama-3.1-70B"):
        duties("qwen-journey", base, teachers, None)
    owed = duties("Llama-taught-qwen", base, teachers, None)
    assert owed.licence.id == "apache-2.0" and not owed.texts and owed.banners == ("Built with Llama",)


def test_a_teachers_terms_must_be_stated() -> None:
    with pytest.raises(UsageError, match="--source-license gpt-x=ID"):
        teachers_known({"gpt-x": None})
    teachers_known({"gpt-x": "other", "qwen": "apache-2.0"})
