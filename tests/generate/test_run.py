"""The generate stage: its folder, resuming, planning, and what it says to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journey.config import GenerateSettings
from journey.errors import UnknownName, UsageError
from journey.formats.files import sha256
from journey.formats.folders import read_manifest
from journey.generate import run as stage
from journey.generate import shards
from journey.generate.run import generate, plan
from journey.schema import Pair, Tree
from journey.settings.given import build
from journey_testing.folders import records


def settings(**given: object) -> GenerateSettings:
    return build(GenerateSettings, {"family": ["countdown@1"], "method": ["search"], "pairs": 7, **given}, "generate")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Three rows a shard, so that a few pairs make several."""
    monkeypatch.setattr(stage, "ROWS_PER_SHARD", 3)


@pytest.fixture
def problems(tmp_path) -> Path:
    """Six annotated problems: one cannot be used, for want of a solution."""
    path = tmp_path / "problems.jsonl"
    rows = [
        {
            "question": f"Ann has {n} boxes of {n + 4} pens and gives {n + 1} pens away. How many pens are left?",
            "answer": str(n * (n + 4) - n - 1),
            "solution": f"There are {n}*{n + 4}=<<{n}*{n + 4}={n * (n + 4)}>>{n * (n + 4)} pens.\n"
            f"So {n * (n + 4)}-{n + 1}=<<{n * (n + 4)}-{n + 1}={n * (n + 4) - n - 1}>>{n * (n + 4) - n - 1} are left.\n"
            f"#### {n * (n + 4) - n - 1}",
        }
        for n in range(12, 18)
    ]
    del rows[2]["solution"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Everything that the manifest lists, and the manifest."""
    names = ["manifest.json", *read_manifest(folder, "generate").files]
    return {name: (folder / name).read_bytes() for name in names}


class TestFolder:
    def test_pairs_and_trees_in_shards(self, tmp_path):
        folder = generate(settings(), tmp_path / "out", workers=1)
        manifest = read_manifest(folder, "generate")
        assert sorted(manifest.files) == [
            *(f"pairs/{key:05d}.jsonl" for key in range(3)),
            "rejected.jsonl",
            *(f"trees/{key:05d}.jsonl" for key in range(3)),
        ]
        pairs, trees = list(records(folder, "pairs", Pair)), list(records(folder, "trees", Tree))
        assert len(pairs) == len(trees) == manifest.counts["pairs"] == 7
        assert [pair.tree for pair in pairs] == [tree.id for tree in trees] and len({p.pair_id for p in pairs}) == 7
        assert manifest.counts["mistakes"] == sum(pair.mistakes for pair in pairs)
        assert manifest.counts["kinds"] == {"wrong branch": manifest.counts["mistakes"]}
        assert sum(manifest.counts["notices"].values()) == manifest.counts["mistakes"]
        assert manifest.config["methods"][0]["strategy"] == "depth-first" and manifest.seed == 0
        assert all(sha256(folder / name) == facts.sha256 for name, facts in manifest.files.items())
        assert {"environment.json", "timing.json"} <= {path.name for path in folder.iterdir()}
        assert not folder.with_name("out.partial").exists()

    def test_same_settings_same_bytes_and_other_seed_other_problems(self, tmp_path):
        first, again = (bytes_of(generate(settings(), tmp_path / name, workers=1)) for name in ("a", "b"))
        other = generate(settings(seed=1), tmp_path / "c", workers=1)
        assert first == again
        ids = [{pair.problem.id for pair in records(folder, "pairs", Pair)} for folder in (tmp_path / "a", other)]
        assert not ids[0] & ids[1]

    def test_more_pairs_begin_with_the_same_ones(self, tmp_path):
        few = list(records(generate(settings(pairs=4), tmp_path / "a", workers=1), "pairs", Pair))
        many = list(records(generate(settings(pairs=8), tmp_path / "b", workers=1), "pairs", Pair))
        assert many[:4] == few

    def test_a_finished_folder_is_left_as_it_is(self, tmp_path):
        folder = generate(settings(), tmp_path / "out", workers=1)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        generate(settings(), folder, workers=1)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    def test_several_families_and_trees_per_problem(self, tmp_path):
        given = settings(family=["countdown@1", "countdown@3"], pairs=8, per_problem=2)
        pairs = list(records(generate(given, tmp_path / "out", workers=1), "pairs", Pair))
        assert [pair.problem.level for pair in pairs] == [1, 1, 3, 3] * 2
        for first, second in zip(pairs[::2], pairs[1::2], strict=True):
            assert first.problem == second.problem and first.pair_id != second.pair_id
            assert first.journey != second.journey or not first.mistakes

    @pytest.mark.parametrize(
        ("family", "method", "exact"),
        [("countdown@1", "search", {"backtracks": 3}), ("sudoku@2", "search", {"backtracks": 2}),
         ("graph@1", "slips", {"mistakes": 2, "kinds": "retry"}), ("multiplication@1", "slips", {"mistakes": 3})],
    )  # fmt: skip
    def test_an_exact_number_of_mistakes_by_any_number_of_workers(self, tmp_path, family, method, exact):
        """A problem that cannot have so many is counted: each draw is a pair or a rejection with its reason."""
        given = settings(family=[family], method=[method], pairs=7, options={method: exact})
        one, two = (generate(given, tmp_path / str(workers), workers=workers) for workers in (1, 2))
        assert bytes_of(one) == bytes_of(two)
        counts = read_manifest(one, "generate").counts
        rejected = [json.loads(line) for line in (one / "rejected.jsonl").read_text().splitlines()]
        pairs = list(records(one, "pairs", Pair))
        wanted = exact.get("backtracks", exact.get("mistakes"))
        assert {pair.mistakes for pair in pairs} == {wanted} and counts["mistakes"] == 7 * wanted
        assert counts["pairs"] + sum(counts["rejected"].values()) == len(pairs) + len(rejected)

    def test_rejections_are_listed_and_redrawn(self, tmp_path):
        folder = generate(
            settings(family=["countdown@3"], pairs=9, options={"search": {"strategy": "beam"}}),
            tmp_path / "o",
            workers=1,
        )
        counts = read_manifest(folder, "generate").counts
        rows = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
        assert counts["pairs"] == 9 and counts["rejected"] == {"unsolved": len(rows)} and rows
        assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)
        assert not {row["problem"] for row in rows} & {pair.problem.id for pair in records(folder, "pairs", Pair)}


class TestProblemFiles:
    def given(self, path: Path, **more: object) -> GenerateSettings:
        return settings(family=[], problems=str(path), method=["slips"], **{"pairs": None, **more})

    def test_every_problem_once_and_what_cannot_be_used_is_counted(self, tmp_path, problems):
        folder = generate(self.given(problems), tmp_path / "out", workers=1)
        manifest = read_manifest(folder, "generate")
        assert manifest.counts["pairs"] == 5 and sum(manifest.counts["rejected"].values()) == 1
        assert manifest.inputs["problems"] == sha256(problems) and manifest.config["problems"] == "problems.jsonl"
        assert json.loads((folder / "rejected.jsonl").read_text())["index"] == 2

    def test_a_row_on_which_a_method_fails_is_rejected_and_the_others_are_made(self, tmp_path, problems, monkeypatch):
        from journey.generate.methods import slips

        read = slips.annotated

        def failing(problem):
            if "12 boxes" in problem.question:
                raise ZeroDivisionError("a row that nobody thought of")
            return read(problem)

        monkeypatch.setattr(slips, "annotated", failing)
        folder = generate(self.given(problems), tmp_path / "out", workers=1)
        counts = read_manifest(folder, "generate").counts
        assert counts["pairs"] == 4 and counts["rejected"]["method_failed"] == 1
        assert "ZeroDivisionError: a row that nobody thought of" in (folder / "rejected.jsonl").read_text()

    @pytest.mark.parametrize("pairs", [1, 2, 3, 4])
    def test_the_count_cuts_and_the_counts_are_those_of_the_rows_kept(self, tmp_path, problems, pairs):
        folder = generate(self.given(problems, pairs=pairs), tmp_path / "out", workers=1)
        counts = read_manifest(folder, "generate").counts
        kept, trees = (list(records(folder, kind, record)) for kind, record in (("pairs", Pair), ("trees", Tree)))
        assert len(kept) == len(trees) == counts["pairs"] == pairs
        assert counts["mistakes"] == sum(pair.mistakes for pair in kept) == sum(counts["kinds"].values())
        assert sum(counts["rejected"].values()) == (folder / "rejected.jsonl").read_bytes().count(b"\n") == (pairs > 2)

    def test_rows_are_pairs_rejections_and_duplicates(self, tmp_path, problems):
        text = problems.read_text()
        problems.write_text(text + text.splitlines()[0] + "\n")
        given = self.given(problems, options={"slips": {"mistakes": 2}})
        counts = read_manifest(generate(given, tmp_path / "out", workers=1), "generate").counts
        assert counts["rows"] == 7 == counts["pairs"] + sum(counts["rejected"].values()) + counts["duplicates"]
        assert counts["mistakes"] == 2 * counts["pairs"] and counts["duplicates"] == 1

    def test_another_place_of_the_same_file_is_the_same_run(self, tmp_path, problems):
        folder = generate(self.given(problems), tmp_path / "out", workers=1)
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        (moved / "problems.jsonl").write_bytes(problems.read_bytes())
        assert generate(self.given(moved / "problems.jsonl"), folder, workers=1) == folder
        (moved / "problems.jsonl").write_bytes(
            problems.read_bytes() + problems.read_bytes().splitlines()[0].replace(b"12", b"92")
        )
        with pytest.raises(UsageError, match=r"inputs\.problems"):
            generate(self.given(moved / "problems.jsonl"), folder, workers=1)

    def test_no_pair_at_all_is_an_error_with_the_reasons(self, tmp_path):
        path = tmp_path / "p.jsonl"
        path.write_text('{"question": "What is it?", "answer": "4"}\n')
        with pytest.raises(UsageError, match="no pair could be made"):
            generate(self.given(path), tmp_path / "out", workers=1)


class TestResume:
    @pytest.mark.parametrize("after", [0, 1, 2])
    def test_an_interrupted_run_goes_on_and_ends_byte_identical(self, tmp_path, monkeypatch, after):
        whole = bytes_of(generate(settings(), tmp_path / "whole", workers=1))
        made: list[int] = []

        def interrupted(job):
            if len(made) == after:
                raise KeyboardInterrupt
            made.append(job.key)
            return shards_made(job)

        shards_made = shards.make_shard
        monkeypatch.setattr(shards, "make_shard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generate(settings(), tmp_path / "out", workers=1)
        assert (tmp_path / "out.partial").is_dir() and not (tmp_path / "out").exists()
        assert plan(settings(), tmp_path / "out")["folder"].startswith("begun")
        again: list[int] = []
        monkeypatch.setattr(shards, "make_shard", lambda job: again.append(job.key) or shards_made(job))
        assert bytes_of(generate(settings(), tmp_path / "out", workers=1)) == whole
        assert again == [0, 1, 2][after:]

    def test_a_corrupt_shard_is_set_aside_and_made_again(self, tmp_path):
        folder = generate(settings(), tmp_path / "out", workers=1)
        whole = bytes_of(folder)
        (folder / "pairs" / "00001.jsonl").write_bytes(b"\x00garbage")
        assert bytes_of(generate(settings(), folder, workers=1)) == whole
        assert (tmp_path / "out.quarantine" / "pairs" / "00001.jsonl").read_bytes() == b"\x00garbage"

    def test_another_config_is_refused_naming_the_keys(self, tmp_path):
        folder = generate(settings(), tmp_path / "out", workers=1)
        for changed, key in (
            ({"seed": 5}, "seed"),
            ({"pairs": 8}, "pairs"),
            ({"options": {"search": {"trials": 2}}}, "trials"),
        ):
            with pytest.raises(UsageError, match=key):
                generate(settings(**changed), folder, workers=1)
            assert plan(settings(**changed), folder)["folder"].startswith("holds another run")

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("mine")
        with pytest.raises(UsageError, match="give another --out"):
            generate(settings(), tmp_path / "out", workers=1)
        assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"
        assert "give another --out" in plan(settings(), tmp_path / "out")["folder"]


class TestPlan:
    def test_writes_nothing_and_counts(self, tmp_path):
        found = plan(settings(pairs=4000), tmp_path / "out", workers=4)
        assert list(tmp_path.iterdir()) == []
        assert found["folder"] == "new" and found["pairs"] == 4000 and found["workers"] == 4
        assert found["shards"] == 1334 and found["estimated_from"] == {"pairs": 3, "rejected": 0}
        assert found["estimated_seconds"] > 0 and found["methods"][0]["name"] == "search"
        json.dumps(found)

    def test_the_estimated_size_is_about_right(self, tmp_path, monkeypatch):
        monkeypatch.setattr(stage, "ROWS_PER_SHARD", 1000)
        found = plan(settings(pairs=200), tmp_path / "out", workers=2)
        folder = generate(settings(pairs=200), tmp_path / "out", workers=1)
        size = sum(path.stat().st_size for kind in ("pairs", "trees") for path in (folder / kind).iterdir())
        assert found["estimated_from"]["pairs"] == 20 and found["workers"] == 1  # one shard: one process
        assert 0.6 < found["estimated_bytes"] / size < 1.6
        assert plan(settings(pairs=200), tmp_path / "out")["folder"] == "finished"

    def test_problem_files(self, tmp_path, problems):
        given = settings(family=[], problems=str(problems), method=["slips"], pairs=None, per_problem=2)
        found = plan(given, tmp_path / "out", workers=1)
        assert found["problems"] == 6 and found["shards"] == 4 and 6 <= found["pairs"] <= 12


class TestBadInput:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"family": ["countdwn"]}, "did you mean countdown"),
            ({"family": ["countdown@9"]}, "known: countdown@1, countdown@2"),
            ({"family": ["countdown@x"]}, "known: countdown@1"),
            ({"family": ["countdown@"]}, "known: countdown@1"),
            ({"method": ["serch"]}, "did you mean search"),
            ({"method": ["slips"]}, "--method search"),
            ({"pairs": None}, "add --pairs N"),
            ({"family": []}, "give --family NAME or --problems FILE"),
            ({"problems": "x.jsonl"}, "both --family and --problems"),
            ({"options": {"search": {"depht": 1}}}, "did you mean depth"),
            ({"options": {"slips": {"rate": 0.5}}}, "add --method slips"),
            ({"options": {"slps": {"rate": 0.5}}}, "did you mean slips"),
            ({"options": {"search": {"trials": -1}}}, "trials"),
            ({"family": [], "problems": "nowhere.jsonl", "pairs": None, "method": ["slips"]}, "nowhere.jsonl"),
            ({"family": [], "problems": "nowhere.jsonl", "pairs": None}, "use --method slips"),
        ],
    )
    def test_says_what_to_type_and_writes_nothing(self, tmp_path, given, said):
        for call in (generate, plan):
            with pytest.raises(UsageError, match=said):
                call(settings(**given), tmp_path / "out", workers=1)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"pairs": 0}, "pairs = 0: expected: whole number, 1 to 1e9"),
            ({"pairs": -3}, "pairs = -3"),
            ({"pairs": "many"}, "pairs = many: expected"),
            ({"per_problem": 0}, "per_problem = 0"),
        ],
    )
    def test_counts_must_be_positive(self, given, said):
        with pytest.raises(UsageError, match=said):
            settings(**given)

    def test_an_unknown_key_offers_the_nearest(self):
        with pytest.raises(UnknownName, match="did you mean family"):
            settings(famly=["countdown"])


def test_a_dry_run_names_golds_that_cannot_be_judged_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.jsonl"
    rows = [
        {"question": f"How many? {n}", "answer": gold, "solution": "3 + 4 = 7."}
        for n, gold in enumerate(("7", "proof"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = settings(family=[], problems=str(path), method=["slips"], pairs=None)
    assert plan(asked, tmp_path / "out", workers=1)["golds"]["unread"] == 1
    assert "'proof' says that there is no answer" in capsys.readouterr().err
    path.write_text(json.dumps(rows[0]) + "\n")
    assert "golds" not in plan(asked, tmp_path / "out", workers=1)
