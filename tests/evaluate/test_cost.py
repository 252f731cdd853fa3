"""What a dry run says that an evaluation takes."""

from journey.evaluate.planning.cost import AnsweringSpeed


def test_every_answer_pays_for_its_prompt_and_every_further_token_for_itself() -> None:
    pace = AnsweringSpeed(prompt=0.5, token=0.01)
    assert pace.seconds(answers=10, tokens=110, workers=1) == 10 * 0.5 + 100 * 0.01
    assert pace.seconds(10, 110, workers=2) == pace.seconds(10, 110, 1) / 2
    assert pace.seconds(10, 5, 1) == 5.0  # empty answers still have a prompt
