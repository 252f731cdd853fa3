"""The columns of a published dataset: how a pair and its tree become rows, and how a pair is read back.

| config | a row is | for |
|---|---|---|
| journey, shortcut | one trace as prompt, completion and messages | supervised fine-tuning |
| pairs | both traces with every segment, its role and span | analysis; made into the pairs again without loss |
| trees | the reasoning tree as JSON text, with numbers on it | analysis |
| stepwise | the steps of a trace and whether each is right | step-wise reward models (TRL's, axolotl's format) |
| preference | a chosen and a rejected answer | preference training, where there are such pairs |

All configs share `pair_id` and `problem_id`. Text with a deep or varying shape (facts, provenance, trees) is one JSON
string a row: nested columns of varying depth break typed readers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from journey import views
from journey.catalog import FAMILIES
from journey.schema import Node, Pair, Problem, Segment, Trace, Tree
from journey.views import View

if TYPE_CHECKING:
    import pyarrow

Config = Literal["journey", "shortcut", "pairs", "trees", "stepwise", "preference"]
CONFIGS: tuple[Config, ...] = ("journey", "shortcut", "pairs", "trees", "stepwise", "preference")
DEFAULT: Config = "journey"
NEEDS_TREE: tuple[Config, ...] = ("trees", "stepwise")
REASONING = "reasoning_content"  # as vLLM's parser, axolotl and the templates of reasoning bases name it
UNVERIFIED = "unverified"  # provenance["roles"] of traces whose roles were read out of prose

_ABOUT: dict[str, str] = {
    "pair_id": "the pair: the same in every config",
    "problem_id": "the problem; splits are made by it",
    "source": "where the problem is from",
    "licence": "licence of the problem",
    "method": "how the tree was made",
    "mistakes": "mistakes in the journey",
}
_TRACE: dict[str, str] = {
    "id": "of this row",
    "prompt": "what is asked",
    "completion": "the trace, ending in one \\boxed{}",
    "messages": "prompt and completion as one conversation",
    "problem": "the question alone",
    "solution": "the source's own solution, where it has one",
    "answer": "gold answer",
    "final_answer": "what the trace puts in its box",
    "kind": "journey or shortcut",
    "check": "how an answer is judged: by value, or by a family's own checker",
    "backtracks": "times this trace goes back",
    "verified": "whether the roles come from a tree, not from prose",
    "policy": "model that wrote the trace, if one did",
    "origin": "where the mistakes come from: injected, search, own (of the policy named), model, human, unknown; none without any",
    "proof": "how they are known to be mistakes: checked:question (question and text suffice), checked:solution (the source's "
    "own solution is needed), estimated, labelled, unverified; none without any",
    "pass_rate": "share of a policy's attempts at the problem that were right, where it has been asked",
}
_SEGMENTS = "segments in order: role, prose, terse notation, node of the tree, span in the think view"
COLUMN_NOTES: dict[str, str] = {
    **_ABOUT,
    **_TRACE,
    "question": "the question",
    "question_brief": "the question in the terse notation",
    "level": "difficulty in its family",
    "held_out": "kept for test whatever its hash says",
    "facts": "the canonical instance, JSON",
    "tree_id": "the tree",
    "shortcut_text": "the shortcut as it is trained on",
    "journey_text": "the journey as it is trained on",
    "shortcut": _SEGMENTS,
    "journey": _SEGMENTS,
    "shortcut_answer": "content of its box",
    "shortcut_answer_brief": "the same in the terse notation",
    "journey_answer": "content of its box",
    "journey_answer_brief": "the same in the terse notation",
    "provenance": "how the pair was made, JSON",
    "version": "of the record",
    "seed": "seed of the tree",
    "nodes": "steps in the tree, rejected ones too",
    "wrong_nodes": "nodes whose verdict is wrong",
    "depth": "longest path from the root",
    "tree": "the tree, JSON",
    "completions": "the steps",
    "labels": "whether each step is right; false for a mistake and for what is built on it",
    "roles": "the role of each step",
    "chosen": "the preferred answer",
    "rejected": "the other answer",
}


def schema(config: Config, view: View, apart: bool = False) -> pyarrow.Schema:
    """The Arrow types of a config. In the compact view prompts and completions are plain text, else conversations.

    `apart`: answers of the traces have their thinking in `reasoning_content`, beside `content`.
    """
    import pyarrow as pa

    text, whole, yes = pa.string(), pa.int32(), pa.bool_()
    message = pa.list_(pa.struct([("role", text), ("content", text)]))
    turns = text if view == "compact" else message
    said_apart = pa.list_(pa.struct([("role", text), ("content", text), (REASONING, text)]))
    answers, whole_turns = (said_apart, said_apart) if apart else (turns, message)
    segment = pa.struct([(n, text) for n in ("role", "text", "brief")] + [(n, whole) for n in ("node", "start", "end")])
    origin = [("source", text), ("licence", text), ("method", text)]
    ids = [("pair_id", text), ("problem_id", text)]
    trace = [
        ("id", text), ("prompt", turns), ("completion", answers), ("messages", whole_turns), ("problem", text),
        ("solution", text), ("answer", text), ("final_answer", text), *ids, ("kind", text), *origin, ("check", text),
        ("level", whole), ("mistakes", whole), ("backtracks", whole), ("verified", yes), ("policy", text),
        ("origin", text), ("proof", text), ("pass_rate", pa.float64()),
    ]  # fmt: skip
    fields: dict[Config, list[tuple[str, Any]]] = {
        "journey": trace,
        "shortcut": trace,
        "pairs": [
            *ids, ("question", text), ("answer", text), ("question_brief", text), ("solution", text), *origin,
            ("check", text), ("level", whole), ("held_out", yes), ("facts", text), ("tree_id", text),
            ("mistakes", whole), ("shortcut_text", text), ("journey_text", text), ("shortcut", pa.list_(segment)),
            ("shortcut_answer", text), ("shortcut_answer_brief", text), ("journey", pa.list_(segment)),
            ("journey_answer", text), ("journey_answer_brief", text), ("origin", text), ("proof", text),
            ("pass_rate", pa.float64()), ("provenance", text), ("version", whole),
        ],
        "trees": [
            ("tree_id", text), *ids, *origin, ("seed", pa.int64()), ("nodes", whole), ("wrong_nodes", whole),
            ("depth", whole), ("tree", text),
        ],
        "stepwise": [
            ("id", text), ("prompt", text), ("completions", pa.list_(text)), ("labels", pa.list_(yes)),
            ("roles", pa.list_(text)), ("answer", text), *ids, ("kind", text), *origin,
        ],
        "preference": [
            ("id", text), ("prompt", turns), ("chosen", turns), ("rejected", turns), ("answer", text), *ids, *origin,
            ("policy", text),
        ],
    }  # fmt: skip
    return pa.schema(fields[config])


def said(problem: Problem, trace: Trace, view: View) -> tuple[str, str]:
    """(prompt, completion) as text. In the compact view they are one line, so the completion starts with a blank."""
    text = views.render(trace, view).text
    return views.prompt(problem, view), f" {text}" if view == "compact" else text


def _turn(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def _origin(pair: Pair) -> dict[str, Any]:
    return {"source": pair.problem.source, "licence": pair.problem.licence, "method": pair.method}


def policy(provenance: Mapping[str, Any]) -> str | None:
    """The model that wrote a pair's traces, or None where no model did."""
    model = next((provenance[key] for key in ("policy", "model", "teacher") if provenance.get(key)), None)
    if isinstance(model, Mapping):  # with the hashes of its weights
        model = model.get("name")
    return None if model is None else str(model)


_BY_METHOD = {"search": "search", "slips": "injected"}
_FALSE_EQUATIONS = {"digit", "carry", "sign", "off_by_one", "table", "place"}  # kinds of slips that their text shows


def origin(method: str, mistakes: int, provenance: Mapping[str, Any]) -> str | None:
    """Where a pair's mistakes come from; None where it has none. Those of a rewritten pair are the other method's."""
    method = str(provenance.get("of", method))
    return None if not mistakes else str(provenance.get("origin") or _BY_METHOD.get(method, "unknown"))


def proof(method: str, mistakes: int, source: str, provenance: Mapping[str, Any]) -> str | None:
    """How a pair's mistakes are known to be some: by the weakest proof among them; None where it has none."""
    if not mistakes:
        return None
    method = str(provenance.get("of", method))
    if provenance.get("proof"):
        return str(provenance["proof"])
    stated = source in FAMILIES.names() or set(provenance.get("kinds", ("?",))) <= _FALSE_EQUATIONS
    if method == "search" or (method == "slips" and stated):
        return "checked:question"
    return "checked:solution" if method == "slips" else UNVERIFIED


def _mistakes(pair: Pair, told: int) -> dict[str, Any]:
    """The columns about a pair's mistakes, of which a trace tells so many."""
    return {
        "origin": origin(pair.method, told, pair.provenance),
        "proof": proof(pair.method, told, pair.problem.source, pair.provenance),
        "pass_rate": pair.provenance.get("pass_rate"),
    }


def thinking_apart(text: str) -> dict[str, str]:
    """The fields of an answer of the think view, its thinking beside its content, as chat templates read them."""
    thinking, _, content = text.removeprefix(views.THINK_OPEN).partition(views.THINK_CLOSE)
    return {"content": content, REASONING: thinking}


def trace_row(pair: Pair, kind: Literal["journey", "shortcut"], view: View, apart: bool = False) -> dict[str, Any]:
    """A row of `journey` or `shortcut`; `apart` as in `schema`."""
    problem, trace = pair.problem, pair.journey if kind == "journey" else pair.shortcut
    told = pair.mistakes if kind == "journey" else 0
    prompt, answered = said(problem, trace, view)
    conversation = _turn("user", prompt) + _turn("assistant", answered.strip() if view == "compact" else answered)
    plain = view == "compact"
    if apart:
        conversation[1:] = [{"role": "assistant", **thinking_apart(answered)}]
    return {
        "id": f"{pair.pair_id}-{kind}",
        "prompt": prompt if plain else conversation[:1],
        "completion": answered if plain else conversation[1:],
        "messages": conversation,
        "problem": problem.question,
        "solution": problem.solution,
        "answer": problem.answer,
        "final_answer": trace.answer,
        "pair_id": pair.pair_id,
        "problem_id": problem.id,
        "kind": kind,
        **_origin(pair),
        "check": problem.check,
        "level": problem.level,
        "mistakes": told,
        "backtracks": sum(segment.role == "backtrack" for segment in trace.segments),
        "verified": pair.provenance.get("roles") != UNVERIFIED,
        "policy": policy(pair.provenance),
        **_mistakes(pair, told),
    }


def pair_row(pair: Pair, view: View) -> dict[str, Any]:
    """A row of `pairs`; `pair_of` is its inverse."""
    problem = pair.problem
    row: dict[str, Any] = {
        "pair_id": pair.pair_id,
        "problem_id": problem.id,
        "question": problem.question,
        "answer": problem.answer,
        "question_brief": problem.brief,
        "solution": problem.solution,
        **_origin(pair),
        "check": problem.check,
        "level": problem.level,
        "held_out": problem.held_out,
        "facts": _json(problem.facts),
        "tree_id": pair.tree,
        "mistakes": pair.mistakes,
        **_mistakes(pair, pair.mistakes),
        "provenance": _json(pair.provenance),
        "version": pair.version,
    }
    for name, trace in (("shortcut", pair.shortcut), ("journey", pair.journey)):
        row[f"{name}_text"] = views.render(trace, view).text
        row[name] = [msgspec.structs.asdict(segment) for segment in trace.segments]
        row[f"{name}_answer"], row[f"{name}_answer_brief"] = trace.answer, trace.answer_brief
    return row


_DEFAULT_CHECK = Problem("", "", "", "").check


def states_check(line: bytes) -> bool:
    """Whether a record's JSON states the default check, which the encoder leaves out or not by identity alone."""
    return b'"check":"%b"' % _DEFAULT_CHECK.encode() in line


def pair_of(row: Mapping[str, Any], *, stated: bool = True) -> Pair:
    """The pair of a row of `pairs`, equal to the one it was made from. Raises KeyError or TypeError for other rows.

    `stated` is what `states_check` said of the original's JSON: with it, encoding gives the same bytes again.
    """
    check = row["check"] if stated or row["check"] != _DEFAULT_CHECK else _DEFAULT_CHECK
    problem = Problem(
        id=row["problem_id"],
        question=row["question"],
        answer=row["answer"],
        source=row["source"],
        brief=row["question_brief"],
        check=check,
        level=row["level"],
        licence=row["licence"],
        solution=row["solution"],
        held_out=row["held_out"],
        facts=json.loads(row["facts"]),
    )
    shortcut, journey = (
        Trace(tuple(Segment(**segment) for segment in row[name]), row[f"{name}_answer"], row[f"{name}_answer_brief"])
        for name in ("shortcut", "journey")
    )
    return Pair(
        pair_id=row["pair_id"],
        problem=problem,
        tree=row["tree_id"],
        method=row["method"],
        shortcut=shortcut,
        journey=journey,
        mistakes=row["mistakes"],
        provenance=json.loads(row["provenance"]),
        version=row["version"],
    )


def tree_row(pair: Pair, tree: Tree) -> dict[str, Any]:
    """A row of `trees`."""
    return {
        "tree_id": tree.id,
        "pair_id": pair.pair_id,
        "problem_id": tree.problem.id,
        "source": tree.problem.source,
        "licence": tree.problem.licence,
        "method": tree.method,
        "seed": tree.seed,
        "nodes": len(tree.nodes),
        "wrong_nodes": sum(node.verdict == "wrong" for node in tree.nodes),
        "depth": _depth(tree.nodes),
        "tree": msgspec.json.encode(tree).decode(),
    }


def _depth(nodes: tuple[Node, ...]) -> int:
    depths: dict[int, int] = {}
    for node in nodes:  # parents come before their children
        depths[node.id] = 0 if node.parent is None else depths.get(node.parent, 0) + 1
    return max(depths.values(), default=0)


def stepwise_rows(pair: Pair, tree: Tree, view: View) -> list[dict[str, Any]]:
    """Rows of `stepwise`: the journey, and the shortcut. A trace with a step that nobody can judge gives none.

    A step is right unless it is a mistake or rests on one; noticing and going back are right.
    """
    verdicts = {node.id: node.verdict for node in tree.nodes}
    prompt = views.prompt(pair.problem, view)
    rows = []
    for kind, trace in (("journey", pair.journey), ("shortcut", pair.shortcut)):
        steps = [s for s in trace.segments if (s.brief if view == "compact" else s.text).strip()]
        labels = [_label(step, verdicts) for step in steps]
        if None in labels:
            continue
        rows.append(
            {
                "id": f"{pair.pair_id}-{kind}",
                "prompt": prompt,
                "completions": [(s.brief if view == "compact" else s.text).strip() for s in steps],
                "labels": labels,
                "roles": [step.role for step in steps],
                "answer": pair.problem.answer,
                "pair_id": pair.pair_id,
                "problem_id": pair.problem.id,
                "kind": kind,
                **_origin(pair),
            }
        )
    return rows


def _label(step: Segment, verdicts: Mapping[int, str]) -> bool | None:
    if step.role in ("plan", "notice", "backtrack", "answer"):
        return True
    verdict = verdicts.get(step.node)
    if verdict == "unknown":
        return None
    return step.role not in ("mistake", "consequence") and verdict != "wrong"


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def rows_of(config: Config, pair: Pair, tree: Tree | None, view: View, apart: bool = False) -> list[dict[str, Any]]:
    """The rows that a pair adds to a config (`preference` is not made from pairs)."""
    if config in ("journey", "shortcut"):
        return [trace_row(pair, config, view, apart)]
    if config == "pairs":
        return [pair_row(pair, view)]
    assert tree is not None
    return [tree_row(pair, tree)] if config == "trees" else stepwise_rows(pair, tree, view)


def step_counts(rows: list[dict[str, Any]]) -> Counter[str]:
    """Right and wrong steps in rows of `stepwise`."""
    return Counter("right" if label else "wrong" for row in rows for label in row["labels"])
