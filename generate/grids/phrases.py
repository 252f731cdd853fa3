"""What a told grid is made of: banks of phrases, each a choice made anew per step by the pair's own stream.

Placeholders: {e} a placement such as `r1c2 = 4`, which stands in a text only where a digit is written; {c} its cell, {d}
its digit, {o} the digits that fit, {w} what the cell sees, {n} the number of empty cells, {h} a cell of
the unit {u} that has the digit already.
"""

from __future__ import annotations

Bank = tuple[str, ...]

PLANS: Bank = (
    "There are {n} empty cells to fill.",
    "{n} cells are empty.",
    "I fill the {n} empty cells one by one.",
    "Let me fill in the {n} missing digits.",
    "The grid lacks {n} digits.",
    "Let me go through the {n} empty cells.",
    "So {n} digits are missing.",
    "I need a digit for each of the {n} empty cells.",
)
FORCED: Bank = (
    "{c} sees {w}, so {e}.",
    "With {w}, {e}.",
    "{c} has {w}. That leaves {e}.",
    "Only {d} is left for {c}, which sees {w}: {e}.",
    "Around {c} I see {w}, so {e}.",
    "{c} next: {w}, hence {e}.",
    "Since {c} sees {w}, {e}.",
    "In {c} only {d} fits: {e} (it sees {w}).",
    "{e}, because {c} sees {w}.",
    "{c} must be {d}, given {w}: {e}.",
    "Then {c}. It sees {w}, so {e}.",
    "{w} leave one digit for {c}: {e}.",
)
GUESSES: Bank = (
    "{c} can be {o}. Try {e}.",
    "{c} could be {o}; I try {e}.",
    "Nothing says yet whether {c} is {o}. Say {e}.",
    "{c} takes {o}. Suppose {e}.",
    "{c} is open: {o}. I start with {e}.",
    "{c} may be {o}. Let me try {e}.",
    "Nothing settles {c} yet; it may be {o}. Try {e}.",
    "{c} has {o} left, so I have to guess: {e}.",
    "In {c} there is a choice of {o}. I take {e}.",
    "{c}: {o}? Let me see what {e} leads to.",
)
NEXT_GUESSES: Bank = (
    "Next, {e}.",
    "Then try {e}.",
    "So I try {e} instead.",
    "Now {e}.",
    "Let me see {e}.",
    "The next one that fits is {e}.",
)
LAST: Bank = (
    "That leaves {e}.",
    "So {e}.",
    "Only {d} remains there: {e}.",
    "Then it has to be {e}.",
    "It must be {d}: {e}.",
    "Nothing else is left, so {e}.",
    "So the other way: {e}.",
    "{d} is what is left for it: {e}.",
)
STUCK: Bank = (
    "But now {c} has no digit left: {w}.",
    "Now nothing fits in {c}, which sees {w}.",
    "That leaves {c} without a digit, since it sees {w}.",
    "But {c} sees {w}, and that is every digit.",
    "{c} is stuck: {w}.",
    "Wait, {c} sees {w}. No digit is left for it.",
    "Then {c} cannot be filled, with {w}.",
    "Hmm, {c} sees {w}; nothing remains.",
)
TRIED: Bank = (
    "So no digit works in {c}.",
    "Every digit for {c} has failed.",
    "Nothing works in {c}, then.",
    "All that could stand in {c} has failed.",
    "With {c} there is no way on.",
    "So {c} cannot be filled either.",
)
CUT: Bank = (
    "This leads nowhere.",
    "That does not work out.",
    "This cannot be completed.",
    "No, this way is closed.",
)
CLOSES: Bank = (
    "So {g} is not {x}.",
    "Then {g} is not {x}.",
    "So {x} was wrong for {g}.",
    "That rules out {x} for {g}.",
    "So {g} cannot be {x}.",
    "Which means that {x} is wrong in {g}.",
    "",
    "",
)
BACKS: Bank = (
    "Back to {g}.",
    "I go back to {g}.",
    "Back to {g}, then, with everything after it taken out.",
    "I take back what I wrote from {g} on.",
    "Let me undo all of it, down to {g}.",
    "I return to {g}.",
    "So I clear everything since {g}.",
    "Once more from {g}.",
)
BACKS_AT_ONCE: Bank = (
    "Back to {g}.",
    "I go back to {g}.",
    "I take that digit out of {g} again.",
    "Once more, {g}.",
    "I return to {g}.",
    "So I clear {g}.",
)
CLASHES: Bank = (
    "But {h} in the same {u} is {d} already.",
    "Wait, {h} is {d}, and it is in the same {u}.",
    "No: {h}, in its {u}, has {d}.",
    "That cannot be, since {h} in that {u} has {d}.",
    "Hmm, {d} stands in {h}, in the same {u}.",
    "But then {c} and {h} would both have {d} in one {u}.",
)
RECHECKS: Bank = (
    "Checking {c}: no other {d} in its row, column or box.",
    "Is {d} right for {c}? Its row, column and box have no other. Yes.",
    "A look back at {c}: {d} clashes with nothing.",
    "{c} again: {d} stands once in its row, column and box. Good.",
)
UNNOTICED: Bank = (
    "{c} gets {d}: {e}.",
    "Then {e}.",
    "In {c} goes {d}: {e}.",
    "{c} is next: {e}.",
    "After that {e}.",
)
ANSWERS: Bank = (
    "The grid is \\boxed{%s}.",
    "Row by row: \\boxed{%s}",
    "The completed rows are \\boxed{%s}.",
    "So the answer is \\boxed{%s}.",
    "Filled in, it is \\boxed{%s}.",
    "Answer: \\boxed{%s}",
    "The rows from top to bottom: \\boxed{%s}",
    "That completes the grid: \\boxed{%s}.",
)
