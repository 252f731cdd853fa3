"""What holds of every source file: no code is run from text, folders stay small, a class name means one thing."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

from journey import catalog
from journey.catalog import Catalog
from journey_testing.sources import ROOT, SOURCES, module_of, shown, syntax

MOST = 16  # modules in one folder, plug-in folders aside
# Class names that are defined more than once, and what the definitions are. Each is to get a name of its own; then its line
# goes. Nothing new is added here: a reader who greps for a name must find one class.
SEVERAL = {
    "Asked": "a question as it is put to a model: questions, sampling",
    "Axes": "of a run: finetune; of a chart: report",
    "Base": "what sampling workers share; a base model to be published",
    "Budget": "a row of the training report; an equal budget of test tokens",
    "Choice": "an entry of the list of arms; a candidate policy in the report",
    "Comparison": "of two answers; of two arms",
    "Funnel": "curation's counts; their table in the report",
    "Habits": "counts of a run; their table in the report",
    "Job": "a completion to write; a shard of pairs; a distributed launch",
    "Known": "a model of the catalog; a folder that can be published",
    "Larger": "the larger model of a plan; its table in the report",
    "Made": "a tree with its pair; the rows of the arms",
    "Pass": "a forward pass; pass@k",
    "Piece": "a unit of sampling; a part of a trace in the report; a folder to upload",
    "Plan": "of a search; of a training worker; of an evaluation; of a repository of adapters",
    "Point": "of a trajectory; of a chart",
    "Prepared": "a training set-up; an evaluation set-up",
    "Reading": "what an arm may know beside the pairs; what was read in an answer",
    "Row": "prompt and completion in tokens; a pair as it stands in the files",
    "Rule": "a filter with its options; a row of the funnel in the report",
    "Rules": "of a level of arithmetic; of a level of Countdown",
    "Said": "an event of a distributed launch; an event of an engine",
    "Score": "of an answer; of a trial of the rate sweep",
    "Search": "the method; what was read of a search in an answer",
    "Shard": "of pairs; of samples; of a parquet table",
    "Source": "what pairs are drawn from; where a bundle's rows come from",
    "Step": "of an annotated solution; of an answer that is judged",
    "Told": "a narrated search; a table of the report",
    "Trained": "what an engine gives; a row of the report",
    "Writing": "the batches of one call; text of one request",
}


def test_no_code_is_run_from_text() -> None:
    found: list[str] = []
    for path in SOURCES:
        for node in ast.walk(syntax(path)):
            where = f"{shown(path)}:{getattr(node, 'lineno', 0)}"
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"eval", "exec", "compile"}
            ):
                found.append(f"{where} calls {node.func.id}")
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                found += [f"{where} imports {name}" for name in sorted({"pickle", "dill", "marshal"} & names)]
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{where} catches everything")
    assert not found, "\n  ".join(
        [
            "read text with a parser (journey.answers.exact), data with msgspec or safetensors, and name what is caught:",
            *found,
        ]
    )


def test_no_folder_has_too_many_modules() -> None:
    plug_ins = {made.package for made in vars(catalog).values() if isinstance(made, Catalog)}
    count = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    found = [
        f"{shown(folder)}/ has {number} modules"
        for folder, number in count.items()
        if number > MOST and module_of(folder / "__init__.py") not in plug_ins
    ]
    assert not found, "\n  ".join(
        [f"more than {MOST}; find the noun that some of them are about, and give it a folder:", *found]
    )


def test_a_class_name_means_one_thing() -> None:
    defined: dict[str, list[Path]] = defaultdict(list)
    for path in SOURCES:
        for node in syntax(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(path)
    twice = {name: paths for name, paths in defined.items() if len(paths) > 1}
    found = [f"{name}: {', '.join(map(shown, paths))}" for name, paths in sorted(twice.items()) if name not in SEVERAL]
    assert not found, "\n  ".join(["name each after what it is (SearchPlan, EvaluationPlan):", *found])
    gone = sorted(set(SEVERAL) - set(twice))
    assert not gone, f"these have one meaning now; delete their lines from SEVERAL in {shown(Path(__file__))}: {gone}"


def test_the_root_has_no_stray_module() -> None:
    """A module at the top of the checkout would be importable beside the installed package."""
    assert [path.name for path in ROOT.glob("*.py")] == []
