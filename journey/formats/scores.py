"""scores.json of an evaluation folder: accuracies, comparisons, curves and costs, all that the report shows but samples.

second_grader.json beside it is a view: the stored answers that a second grader judges otherwise.

Rates are in [0, 1], differences are second minus first; tokens (generated ones), FLOPs and seconds are per problem. A
number that could not be computed is null, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

from journey.formats.behaviour import RecoveryTable
from journey.formats.comparison import Comparison, Verdict
from journey.formats.record import FileRecord


class Conduct(msgspec.Struct, frozen=True):
    """What answers do besides being right or wrong, counted over those that a strategy reads."""

    answers: int
    loops: int  # end in the same words over and over
    cut_in_a_loop: int  # reached the cap of new tokens in a loop
    cut_by_the_cap: int  # reached the cap otherwise: it was too short for them
    no_box: int  # ended by themselves without a closed box
    ran_on: int  # went on to a new problem behind their box
    right_before: int  # of these: right, had they ended there
    withheld: int = 0  # by the server, which says so
    empty: int = 0


class RunScore(msgspec.Struct, frozen=True):
    """One run on one benchmark with one strategy: outcomes of the samples read, accuracy and costs of the policy."""

    run: str
    arm: str
    seed: int | None
    benchmark: str
    strategy: str
    n: int  # problems
    correct: int  # samples, of `samples`; so for the next four
    wrong: int
    no_answer: int
    undecided: int
    truncated: int
    mean_tokens: float  # generated, per problem, all samples or rounds that the policy uses
    mean_seconds: float
    samples: int = 0  # read: n for greedy, more where a strategy has several to a problem
    accuracy: float = 0.0  # mean score of the policy, correct / n for greedy
    mean_flops: float | None = None
    conduct: Conduct | None = None  # None in 0.1


class ArmScore(msgspec.Struct, frozen=True):
    """One arm over its seeds: accuracy with its two-way interval (Wilson for a single run), rates and costs."""

    arm: str
    benchmark: str
    strategy: str
    n: int
    seeds: int
    accuracy: float
    low: float
    high: float
    truncation_rate: float  # of the samples read; so for the next two
    no_answer_rate: float
    undecided_rate: float
    mean_tokens: float
    mean_seconds: float
    mean_flops: float | None = None
    oracle: bool = False
    conduct: Conduct | None = None  # over the runs; None in 0.1


class CurvePoint(msgspec.Struct, frozen=True):
    """An arm's accuracy at one setting of a strategy, with what it costs per problem."""

    policy: str  # e.g. majority@4
    k: float  # samples, rounds, continuations, or the cap in tokens: see ScoreCurve.axis
    accuracy: float
    low: float
    high: float
    tokens: float
    flops: float | None
    seconds: float


class ScoreCurve(msgspec.Struct, frozen=True):
    """Accuracy of one arm with one strategy against what it costs; points by rising k."""

    benchmark: str
    arm: str
    strategy: str
    axis: Literal["samples", "rounds", "continuations", "cap"]
    oracle: bool
    points: tuple[CurvePoint, ...]


class Candidate(msgspec.Struct, frozen=True):
    """One policy that could be had for the budget, on the dev split (where it is chosen) and on the test split."""

    policy: str  # greedy, majority@3.1 (interpolated between 3 and 4), adaptive@8, ...
    strategy: str
    k: float | None
    dev_accuracy: float | None
    dev_cost: float | None  # mean per problem, in the unit of the budget
    affordable: bool  # on the dev split costs at most the budget there
    chosen: bool
    accuracy: float
    cost: float
    checker: bool = False


class EqualBudget(msgspec.Struct, frozen=True):
    """One arm's best policy for what another's greedy answer costs: the other against it at equal cost.

    At equal tokens `first` is the arm whose policy is chosen and `second` (the journey) sets the budget. At equal FLOPs
    `first` is "larger", which sets the budget, and `second` the arm whose policy is chosen.
    """

    benchmark: str
    first: str
    second: str
    arm: str  # whose policy is chosen: first or second
    unit: Literal["tokens", "flops"]
    budget: float  # mean per problem on the test split
    dev_budget: float | None
    candidates: tuple[Candidate, ...]
    chosen: str | None  # a policy
    limited: bool  # the budget would pay for more samples than half of those drawn, the most that are counted
    comparison: Comparison | None  # second minus first; its verdict is in `Scores.compared`
    why: str = ""  # why nothing was chosen or compared


class BinScore(msgspec.Struct, frozen=True):
    """One policy on the problems of one bin."""

    policy: str
    strategy: str
    accuracy: float
    tokens: float
    oracle: bool = False


class Bin(msgspec.Struct, frozen=True):
    """Problems of like difficulty, 1 the easiest; binned by samples other than those that are scored (cross-fitted)."""

    number: int
    low: float  # of the measure of difficulty, in this bin
    high: float
    problems: float  # mean over the two folds
    scores: tuple[BinScore, ...]
    best: str | None  # the policy of the highest accuracy, oracles apart; ties to the cheaper


class Difficulty(msgspec.Struct, frozen=True):
    """One arm by difficulty. An analysis: the bins need gold answers (or the family's own measure)."""

    benchmark: str
    arm: str
    measure: str  # "pooled pass rate", "pass rate of the base", "the family's own difficulty", or why there is one bin
    largest_share: float  # of the problems in the fullest bin of pass rates
    bins: tuple[Bin, ...]


class BudgetPoint(msgspec.Struct, frozen=True):
    """The compute-optimal policy for one budget, chosen on one half of the problems and scored on the other."""

    budget: float  # generated tokens per problem
    accuracy: float
    tokens: float
    policies: tuple[tuple[str, ...], tuple[str, ...]]  # by bin, as chosen on the first and on the second half
    fixed_policies: tuple[str, str]  # the best single policy for the same budget, chosen in the same way
    fixed_accuracy: float
    fixed_tokens: float


class ComputeOptimal(msgspec.Struct, frozen=True):
    """Best policy by bin for a row of budgets (Snell et al. 2024). An analysis: bins by pass rate need gold answers."""

    benchmark: str
    arm: str
    measure: str  # as in Difficulty
    points: tuple[BudgetPoint, ...]


class LargerScore(msgspec.Struct, frozen=True):
    """The larger model's one greedy answer to each problem, and every arm's best policy for the same FLOPs."""

    benchmark: str
    model: str
    accuracy: float
    low: float
    high: float
    tokens: float
    flops: float | None
    seconds: float
    truncation_rate: float
    no_answer_rate: float
    matched: tuple[EqualBudget, ...]  # one an arm; empty where FLOPs are not known


class Agreement(msgspec.Struct, frozen=True):
    """How often the same problems, answered in another way, gave something else.

    `batch 1`: greedy again, one prompt at a time (rounding in low precision depends on the batch). `built-in`: an
    endpoint's answers against the built-in sampler's. Where neither text has an answer, another text is another answer.
    """

    against: Literal["batch 1", "built-in"]
    run: str
    benchmark: str
    problems: int
    other_text: int
    other_answer: int
    other_outcome: int


class Compared(msgspec.Struct, frozen=True):
    """One declared comparison: the statistics and the verdict on them."""

    benchmark: str
    strategy: str  # a strategy, "equal test tokens" or "equal test FLOPs"
    first: str
    second: str
    primary: bool
    comparison: Comparison
    verdict: Verdict
    policy: str = ""  # at equal cost: the policy that was chosen for the arm that gets one


class SeedLeftOut(msgspec.Struct, frozen=True):
    """The verdict on a comparison as it is without one training seed."""

    seed: int
    words: str
    same: bool  # the same outcome with the same winner


def left_out_in_words(without: Sequence[SeedLeftOut]) -> str:
    """Whether the words survive leaving out each of these seeds; empty without any, as with fewer than three seeds."""
    others = [one for one in without if not one.same]
    if not others:
        return "the same words without any one seed" if without else ""
    return f"other words without {', '.join(f'seed {one.seed}: {one.words}' for one in others)}"


class Survival(msgspec.Struct, frozen=True):
    """Whether the words on one comparison survive leaving out each training seed; needs three seeds."""

    benchmark: str
    strategy: str
    first: str
    second: str
    without: tuple[SeedLeftOut, ...]

    @property
    def in_words(self) -> str:
        """`the same words without any one seed`, or which seeds it rests on and what is said without them."""
        return left_out_in_words(self.without)


class Scores(FileRecord, frozen=True):
    """Everything that the report shows besides the samples."""

    FILE: ClassVar[str] = "scores.json"
    READS: ClassVar[tuple[int, ...]] = (1, 2)  # later versions only added to earlier ones
    NEWER: ClassVar[frozenset[str]] = frozenset({"survival"})

    plan_sha256: str
    headline: tuple[str, ...]  # one sentence per primary comparison
    qualifiers: tuple[str, ...]  # of the whole: mixed, floor, ceiling, below the base, looked before
    margin: float
    runs: tuple[RunScore, ...]
    arms: tuple[ArmScore, ...]
    compared: tuple[Compared, ...]
    failed_runs: tuple[str, ...] = ()
    curves: tuple[ScoreCurve, ...] = ()
    equal_tokens: tuple[EqualBudget, ...] = ()
    difficulty: tuple[Difficulty, ...] = ()
    compute_optimal: tuple[ComputeOptimal, ...] = ()
    larger: tuple[LargerScore, ...] = ()
    agreement: tuple[Agreement, ...] = ()
    recovery: tuple[RecoveryTable, ...] = ()  # of the recovery probe, a benchmark each
    looked_before: str = ""  # a sentence where `EvaluationPlan.earlier` is not empty
    survival: tuple[Survival, ...] = ()  # of the comparisons with three seeds or more
    version: int = 2


class AgreementFile(FileRecord, frozen=True):
    """parity.json (an endpoint's answers against the built-in sampler's) and flips.json (answers again one at a time)."""

    FILE: ClassVar[str] = "flips.json"
    PARITY: ClassVar[str] = "parity.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version"})

    agreement: tuple[Agreement, ...]
    version: int = 1


class TaskScore(msgspec.Struct, frozen=True):
    """One run on one task: the harness's metrics by name, and how many documents it scored."""

    run: str
    arm: str
    seed: int | None
    task: str
    n: int
    metrics: dict[str, float]


class HarnessFile(FileRecord, frozen=True):
    """harness.json: scores as EleutherAI's harness gives them (`journey evaluate --harness lm-eval`)."""

    FILE: ClassVar[str] = "harness.json"

    harness: str  # name and version
    base: str
    scores: tuple[TaskScore, ...]
    version: int = 1


class Disagreement(msgspec.Struct, frozen=True):
    """One answer with both outcomes (same, different, undecided) and both reasons."""

    run: str
    benchmark: str
    question: str
    index: int
    gold: str
    answer: str
    outcome: str
    why: str
    second: str
    second_why: str


class SecondGrades(FileRecord, frozen=True, forbid_unknown_fields=True):
    """How often a second grader judges the stored answers otherwise, and where."""

    FILE: ClassVar[str] = "second_grader.json"

    plan_sha256: str
    checker: str  # version of the answer checker
    grader: str
    judged: int  # answers that both graders judged; those of families with a checker of their own are left out
    undecided_here: int  # of the disagreements: undecided here, decided there
    undecided_there: int
    opposite: int  # one says same, the other different
    disagreements: tuple[Disagreement, ...]
    version: int = 1
