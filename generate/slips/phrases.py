"""The phrase bank of the slips: openers, reasons, ways back and corrections, combined by `narrate`.

Slots: {x} the wrong value, {expr} the right calculation, {written} the wrong one, {quote} words of the question.
"""

from __future__ import annotations

OPENERS = (
    "Hold on.", "Hmm.", "Hmm, {x}?", "Not so fast.", "Let me check that.", "Is {x} right?", "Does {x} make sense?",
    "A quick check.", "Is something off here?", "Does that look odd?", "One moment.", "I should test that {x}.",
    "Let me make sure of that.", "I'm not sure about {x}.", "Is {x} suspicious?", "Can that be?",
    "Before I build on {x}, a check.", "That was quick; is it right?", "Let me look at that again.",
    "I want to verify {x}.", "Just to be safe, I'll check {x}.", "Wait.", "Now, does that hold up?",
    "Let me test this result.", "A sanity check on {x}.", "Let me slow down here.", "I doubt the {x}.",
    "Does that number bother me?", "Checking {x} before I continue.", "Actually, let me reconsider.",
    "Would {x} be plausible?", "{x} deserves a second look.", "Let me question that step.",
    "Careful here.", "Pausing on {x} for a second.", "Am I sure about {x}?", "I'd better double-check this.",
    "Testing that result:", "Let me see whether {x} fits.", "Stop there for a moment.", "",
)  # fmt: skip
"""Said right after a mistake, and before a re-check that passes: no opener gives away how it ends."""

LATE_OPENERS = (
    "Let me look back at the {x}.", "Before I go further, I want to recheck {x}.",
    "Going back over my work, {x} stands out.",
    "Let me retrace what I did to get {x}.", "Wait, about the {x} from before.",
    "Looking over the lines above, I doubt the {x}.",
    "Reviewing the steps so far, I stop at {x}.", "Something earlier bothers me: the {x}.", "Was that {x} right?",
    "I'd like to test the {x} I have been using.", "Rereading from the top, {x} looks doubtful.",
    "Let me double-check an earlier number, {x}.", "I never verified the {x}.", "The {x} above needs a check.",
    "Hmm, I relied on {x} without checking it.", "Back up for a second and look at {x}.",
    "How sure am I of the {x}?", "Let me audit the earlier steps, starting with {x}.",
    "This depends on {x}, so is {x} correct?", "A second look at where {x} came from.",
    "All of this rests on {x}.", "Does the {x} from earlier hold?", "Checking my earlier work: {x}.",
    "Not convinced yet; what about {x}?", "I keep coming back to the {x}.",
    "An earlier line needs attention, the one with {x}.",
    "Time to verify the {x}.", "Let me not trust {x} blindly.", "Taking stock, {x} seems off.",
    "One thing to settle first: is {x} right?", "Hold on, {x} came too easily.", "I should have checked {x} at once.",
    "Comparing with what came before, {x} looks wrong.", "Let me revisit {x}.", "Scanning back, {x} catches my eye.",
)  # fmt: skip
"""Said after further steps."""

REASONS: dict[str, tuple[str, ...]] = {
    "inverse": (
        "Going backwards, {back_expr} = {back}, but that should give {want}.",
        "{back_expr} would have to bring back {want}, and it gives {back}.",
        "Undoing it, {back_expr} is {back}, not {want}.",
        "If {expr} were {x}, then {back_expr} would be {want}; it is {back}.",
        "Working back from {x}, {back_expr} comes to {back} instead of {want}.",
        "The reverse calculation fails: {back_expr} = {back}, where {want} should come out.",
        "{back_expr} gives {back}, and it ought to return {want}.",
        "In reverse, {back_expr} lands on {back}, yet I started from {want}.",
        "From {x} there is no way back to {want}, because {back_expr} = {back}.",
        "In the other direction {back_expr} = {back}, and that is not {want}.",
    ),
    "divide": (
        "{x} is not divisible by {b}, so it can't be {expr}.",
        "A multiple of {b} divides by {b} evenly, and {x} doesn't.",
        "{x} / {b} doesn't come out whole, so {x} can't equal {expr}.",
        "{expr} has to be a multiple of {b}, and {x} is not one.",
        "Dividing {x} by {b} leaves a remainder of {rest}, but {expr} must leave none.",
        "If {x} were {expr}, dividing it by {b} would leave nothing over; it leaves {rest}.",
    ),
    "last_digit": (
        "The ones digits {da} and {db} make the result of {expr} end in {last}, and {x} ends in {seen}.",
        "{expr} must end in {last}, going by the ones digits {da} and {db}, but {x} ends in {seen}.",
        "Looking only at the last digits, {da} and {db} give {a_last} at the end, not {a_seen}.",
        "With {da} and {db} as ones digits, {expr} has to end in {last}; {x} doesn't.",
        "{x} ends in {seen}, but the ones digits of {expr} force {a_last} there.",
        "The last digit gives it away: {expr} ends in {last}, not in {seen}.",
        "Ones digits first: {da} and {db} lead to {last}, so a result ending in {seen} is impossible.",
    ),
    "parity": (
        "{Why}, but {x} is {seen}.",
        "{Why}. {x} is {seen}, so it can't be {expr}.",
        "{x} is {seen}, and yet {why}.",
        "{expr} has to be {right}, since {why}; {x} is {seen}.",
        "Even or odd? {Why}, while {x} is {seen}.",
        "An {seen} result like {x} can't be right, because {why}.",
    ),
    "size_add": (
        "Adding to {bound} has to give more than {bound}, and {x} is not more.",
        "{expr} must come out above {bound}, but {x} doesn't.",
        "A sum can't be {x} when one of its parts is already {bound}.",
        "{x} is too small: {bound} alone is one of the numbers being added.",
        "With {bound} as one part, the total {x} is impossible.",
        "{expr} has to exceed {bound}, so {x} is out of the question.",
    ),
    "size_take": (
        "Taking {b} away from {bound} must leave less than {bound}, and {x} is not less.",
        "{expr} has to be below {bound}, but {x} isn't.",
        "{x} can't be what is left of {bound} once {b} is gone.",
        "Subtracting can't leave {x} out of {bound}.",
        "What remains of {bound} is less than {bound}, so {x} is too much.",
    ),
    "size_times": (
        "Multiplying {bound} by a number above 1 must give more than {bound}, and {x} is not more.",
        "{expr} has to be well above {bound}, but {x} isn't.",
        "{x} is too small for {expr}, since {bound} alone is one of the factors.",
        "With {bound} as a factor, a product of {x} is too small.",
        "{expr} means several times over, so it must exceed {bound}; {x} doesn't.",
    ),
    "size_share": (
        "Dividing {bound} by {b} must give less than {bound}, and {x} is not less.",
        "{expr} has to be below {bound}, but {x} isn't.",
        "{x} is too big: one of {b} equal parts of {bound} is less than {bound}.",
        "A share of {bound} can't be {x}.",
        "Splitting {bound} into {b} parts can't give {x} for each.",
    ),
    "estimate_high": (
        "{expr} is at most {rough} = {bound}, so {x} is too big.",
        "Rounding up gives {rough} = {bound}, and {x} is above even that.",
        "A rough bound: {expr} can't exceed {rough} = {bound}, but {x} does.",
        "{x} is more than {rough} = {bound}, which is already rounded in its favour.",
        "Even {rough} is only {bound}, so {expr} can't reach {x}.",
        "By a rough estimate {expr} stays below about {bound} ({rough}); {x} is past that.",
    ),
    "estimate_low": (
        "{expr} is at least {rough} = {bound}, so {x} is too small.",
        "Rounding down gives {rough} = {bound}, and {x} is below even that.",
        "A rough bound: {expr} can't be under {rough} = {bound}, but {x} is.",
        "{x} is less than {rough} = {bound}, although the true value must be at least that.",
        "{rough} is already {bound}, so {expr} can't be only {x}.",
        "By a rough estimate {expr} is no less than {bound} ({rough}); {x} falls short.",
    ),
    "another_way": (
        "Another way, {expr}, gives {v} and not {x}.",
        "Done another way it is {expr}, which is {v}; I had {x}.",
        "If I take {expr} instead, I get {v}, not {x}.",
        "With {expr} it comes to {v}. That is not {x}.",
        "I also get {v}, from {expr}, where I wrote {x}.",
        "{expr} would make it {v} instead of {x}.",
    ),
    "parts": (
        "In smaller pieces: {steps}. That is not {x}.",
        "Doing it in parts, {steps}, which disagrees with {x}.",
        "Another way to get {expr}: {steps}. So {x} can't be it.",
        "Split up, it goes {steps}, so {x} is wrong.",
        "Piece by piece: {steps}, and not {x}.",
        "The same thing in easier steps: {steps}. I had {x}.",
        "If I break it up, {steps}, and that doesn't match {x}.",
    ),
    "percent_high": (
        "{percent}% is only a part, so it can't be {x} when the whole is {base}.",
        "{percent}% of {base} must be less than {base}, and {x} is not.",
        "Only {percent}% of {base} is wanted, yet {x} is no smaller than {base} itself.",
        "A part of {base} can't come to {x}.",
        "{x} would be at least all of {base}, and this is just {percent}% of it.",
    ),
    "percent_low": (
        "10% of {base} is already {tenth}, so {percent}% can't be just {x}.",
        "A tenth of {base} is {tenth}; {percent}% has to be more than that, and {x} isn't.",
        "{percent}% is more than 10%, and 10% of {base} is {tenth}, so {x} is too small.",
        "With 10% of {base} being {tenth}, {x} is too little for {percent}%.",
        "{x} is not even more than 10% of {base}, which is {tenth}.",
    ),
    "reread_operation": (
        'The question says "{quote}", which calls for {expr}, not {written}.',
        'Rereading, "{quote}" means {expr} and not {written}.',
        'I wrote {written}, but "{quote}" asks for {expr}.',
        '"{quote}" is what the question says; that is {expr}, not {written}.',
        'According to the question, "{quote}", so it should be {expr} instead of {written}.',
        '{written} doesn\'t fit the words "{quote}"; {expr} does.',
        'The words "{quote}" describe {expr}, and I worked out {written}.',
    ),
    "reread_number": (
        'The question says "{quote}", so the number is {right}, not {wrong}.',
        'Rereading "{quote}", I see {right}; I used {wrong}.',
        'I put {wrong}, but the question has "{quote}", so {right} belongs there.',
        '"{quote}" is how it is stated, and the number to use is {right} rather than {wrong}.',
        'Where did {wrong} come from? The question says "{quote}", which makes it {right}.',
        'In {written} the {wrong} should be {right}: "{quote}".',
        'Looking at the question again, "{quote}", I need {right} where I wrote {wrong}.',
    ),
    "back_to_question": (
        '{back_expr} takes me back to {back}, but the question says "{quote}", which is {want}.',
        'Undoing the step, {back_expr} = {back}, and the question has {want}: "{quote}".',
        'If {x} were right, {back_expr} would be {want}, as in "{quote}"; it is {back}.',
        'Going backwards I get {back_expr} = {back}, yet "{quote}" says {want}.',
        'The question gives {want} ("{quote}"), but {back_expr} is {back}.',
    ),
    "reread_forgotten": (
        'The question also says "{quote}", and {written} leaves out the {right}.',
        'I left out the {right}: the question says "{quote}".',
        'The {right} is missing from {written}, although the question says "{quote}".',
        '"{quote}" is part of this too, so the {right} has to be in there.',
        'Rereading "{quote}", I notice that {written} ignores the {right}.',
        'What about "{quote}"? The {right} never made it into {written}.',
    ),
    "reread_skipped": (
        'The question says "{quote}", so I can\'t use {wrong} as it stands; {needed} has to come first.',
        'I took {wrong} as it is, but "{quote}" means working out {needed} first.',
        'A step is missing: "{quote}" needs {needed} before this.',
        'I jumped ahead. "{quote}" has to be dealt with first, by {needed}.',
        'With "{quote}" in mind, {wrong} is not yet the number I need; that would be {needed}.',
    ),
    "reread_percent": (
        'The question says "{quote}", and {percent}% is {percent} out of 100, so it should be {expr}.',
        '{percent}% in "{quote}" means {percent} per hundred, which makes this {expr}, not {written}.',
        'I misplaced the decimal point of the {percent}% in "{quote}": it should be {expr}.',
        'For "{quote}" the calculation is {expr}; {written} is off by a factor of ten.',
    ),
    "asked": (
        'The question asks "{quote}", which takes {expr}, not {written}.',
        'To answer "{quote}" I need {expr} rather than {written}.',
        '{written} doesn\'t answer "{quote}"; {expr} does.',
        'What is asked is "{quote}", so the last calculation should be {expr}, not {written}.',
        'Checking against the question, "{quote}", it should be {expr} and not {written}.',
        'I worked out {written}, but "{quote}" is about {expr}.',
    ),
    "early": (
        'The question asks "{quote}", and {x} is only a step on the way to {expr}.',
        '{x} doesn\'t answer "{quote}" yet; {expr} is still to be done.',
        'What is asked is "{quote}", so I can\'t stop at {x}; I still need {expr}.',
        'Reading the end again, "{quote}", I see that {expr} is still missing.',
        'I stopped too soon: "{quote}" needs {expr}, and {x} is just one of its parts.',
        '{x} is an intermediate result. The question, "{quote}", needs {expr}.',
    ),
    "unused": (
        "The {right} I worked out before hasn't been used at all, and it belongs here: {expr}.",
        "Nothing has used the {right} from above yet; this step needs {expr}.",
        "I computed {right} earlier for a reason, and {x} ignores it. It should be {expr}.",
        "The {right} is left over, so this can't be complete: {expr} is what is needed.",
        "Why did I work out {right} if it is never used? The step is {expr}.",
    ),
    "unused_at_the_end": (
        "The {right} I worked out before hasn't been used at all, and the answer needs it: {expr}.",
        "Nothing has used the {right} from above yet; {expr} is still to be done.",
        "I computed {right} earlier for a reason, and {x} ignores it. It should be {expr}.",
        "The {right} is left over, so this can't be complete: {expr} is what is needed.",
        "Why did I work out {right} if it is never used? What is left to do is {expr}.",
    ),
    "fact": (
        "{Fact}, so I need {right} there, not {wrong}.",
        "I used {wrong} for the conversion, but {fact}.",
        "The conversion is wrong: {fact}, not {wrong}.",
        "Since {fact}, it has to be {expr} and not {written}.",
        "{wrong} isn't the right number to convert with, because {fact}.",
        "Remember that {fact}; {written} uses {wrong}.",
    ),
    "negative": (
        "A count of {x} is impossible; there can't be fewer than zero {noun}.",
        "{x} is below zero, and there is no such thing as a negative number of {noun}.",
        "It is negative, which makes no sense here.",
        "{x} is less than nothing, so {written} can't be what is meant.",
        "The result can't be negative, and {x} is.",
    ),
    "below_zero": (
        "{x} is below zero, which can't be here.",
        "It is negative, which makes no sense here.",
        "{x} is less than nothing, so {written} can't be what is meant.",
        "The result can't be negative, and {x} is.",
        "Nothing in the question can come out below zero, and {x} does.",
    ),
    "later_below_zero": (
        "It leads to {y}, which is negative and makes no sense here.",
        "Using {x} gives {y} in the end, and a negative amount is impossible.",
        "{y} is below zero, so something upstream is wrong, and that is {x}.",
        "The {x} pushes the result down to {y}, less than nothing.",
    ),
    "later_negative": (
        "With {x} I end up at {y}, and there can't be fewer than zero {noun}.",
        "It leads to {y}, which is negative and makes no sense here.",
        "Using {x} gives {y} in the end, and a negative amount is impossible.",
        "{y} is below zero, so something upstream is wrong, and that is {x}.",
        "The {x} pushes the result down to {y}, less than nothing.",
    ),
    "whole": (
        "There can't be {x} {noun}; it has to be a whole number.",
        "{x} is not a whole number, and {noun} come in whole numbers.",
        "{x} has a fraction in it, but {noun} can't be split like that.",
        "Counting {noun} should give a whole number, not {x}.",
        "{x} {noun}? The count has to be whole.",
    ),
    "later_whole": (
        "With {x} I end up at {y} {noun}, and that isn't a whole number.",
        "{y} {noun} can't be, a count has to be whole, so {x} is wrong.",
        "It leads to {y}, but {noun} come in whole numbers.",
        "Counting {noun} should give a whole number, and {x} makes it {y}.",
    ),
}  # fmt: skip

TOLD = {
    "told_size_add": ("more than {bound}", "not more"),
    "told_size_times": ("more than {bound}", "not more"),
    "told_size_take": ("less than {bound}", "not less"),
    "told_size_share": ("less than {bound}", "not less"),
}
for _form, (_want, _is) in TOLD.items():
    REASONS[_form] = (
        f'The question says "{{quote}}", so this must come out {_want}, and {{x}} is {_is}.',
        f'With "{{quote}}" the result has to be {_want}; {{x}} can\'t be right.',
        f'{{x}} doesn\'t fit "{{quote}}", because that should give {_want}.',
        f'"{{quote}}" should lead to {_want}, but {{x}} is {_is}.',
        f'Going by "{{quote}}", I expect {_want}, and I got {{x}}.',
        f'If the question says "{{quote}}", the number can\'t be {{x}}: it should be {_want}.',
    )
REASONS["reread_asked"] = REASONS["asked"]
REASONS["reread_early"] = REASONS["early"]

REASONS["retry"] = (
    "For that I need to know {need}, and I don't yet.",
    "That depends on {need}, which is not worked out yet.",
    "I haven't worked out {need} yet, and it takes that.",
    "It can't be done before I know {need}.",
    "First I would have to know {need}.",
    "{Need} is not known yet, and I need that.",
    "Still missing is {need}.",
    "The question gives it in terms of {need}, which is still open.",
)

RETRY_OPENERS = ("", "", "Wait.", "Hold on.", "Hmm.", "Not so fast.", "One moment.", "No.", "Can I do that?", "Stop there for a moment.")  # fmt: skip

ANNOUNCED = (
    "Next, {name}.", "Now {name}.", "Next I work out {name}.", "Let me work out {name}.", "I want to know {name}.",
    "Now I look at {name}.", "On to {name}.", "Then {name}.",
)  # fmt: skip
"""Said of a quantity that is to be worked out next."""
ANNOUNCED_FIRST = ("Let me work out {name}.", "I want to know {name}.", "First, {name}.", "I start with {name}.")
"""The same where nothing has been worked out yet."""

RETRY_BACKTRACKS = (
    "So that has to wait.", "Not yet, then.", "So I go back.", "That comes later.", "So that was too soon.", "Back, then.",
    "I'll leave that for later.", "So I take that back.", "Another one has to come first.", "I'll return to it.",
)  # fmt: skip

RETRY_CORRECTIONS = (
    "", "", "First something else: ", "What I can work out is this: ", "This comes first: ", "Before that: ", "Instead: ",
    "This I can do: ", "One that is ready: ",
)  # fmt: skip

BACKTRACKS = (
    "So {x} is wrong.", "So that step is wrong; I'll redo it.", "That can't stand. Back to that step.",
    "I'll cross that line out and try again.", "So I have to take that step again.", "That line has to go.",
    "I made a mistake there; let me redo it.", "Scratch that.", "So not {x}.", "Let me go back and fix it.",
    "I'll drop the {x} and redo the step.", "Back one step, then.", "That settles it: {x} is out.",
    "So I need to correct that line.", "I'll take {x} back.", "Let me redo that line.", "Strike the {x}.",
    "So that was a slip. Once more.", "I'll return to that step.", "The step has to be done over.",
)  # fmt: skip

LATE_BACKTRACKS = (
    "So {x} is wrong, and {later} with it.", "So {x} has to go, and {later} too.",
    "That means {later} {is_are} wrong as well, having been built on {x}.",
    "I'll go back to the {x} and redo everything after it that used it.",
    "So I have to return to that step and also redo {later}.",
    "Back to where {x} came up, then; {later} can't stay either.",
    "The mistake carried over into {later}, so all of that needs fixing.", "I'll undo {x} along with {later}.",
    "That undoes {later} as well. Back to the earlier step.",
    "So the work from {x} on, including {later}, must be redone.",
    "Let me go back there and then rework {later}.", "Neither {x} nor what came of it ({later}) can stay.",
)  # fmt: skip

PLAIN_LATE_BACKTRACKS = (
    "So {x} is wrong. What I wrote after it doesn't use it, so that can stay.",
    "I'll go back and fix that one step; what comes after it doesn't depend on it.",
    "So {x} has to go. What came after it didn't need it, so only that step changes.",
    "Back to that step; the rest so far isn't affected.",
    "I'll replace {x}. Nothing written after it has used it.",
)  # fmt: skip

EARLY_BACKTRACKS = (
    "So {x} isn't the answer yet.", "I'm not done, then.", "So I shouldn't stop at {x}.", "Not finished yet.",
    "So I go on from {x}.", "I'll take back that {x} is the answer.", "There is more to do.", "One step is left, then.",
    "So that wasn't the end of it.", "Back to the last step, which is still missing.",
)  # fmt: skip

SKIPPED_BACKTRACKS = (
    "So {x} is wrong; a step is missing before it.", "I skipped a step; back to it.",
    "I'll go back to the step I left out.",
    "So that step came too soon.", "Back to where I jumped ahead.", "I have to go back and put in what I skipped.",
    "So {x} has to go until the missing step is done.", "Let me go back and not skip anything.",
)  # fmt: skip

AGAIN_BACKTRACKS = (
    "So {x} is wrong. I'll begin again.", "Let me start over.", "I'd rather start again from the top.", "Back to the start, then.",
    "So that won't do; once more from the beginning.", "I'll set this aside and start afresh.", "From the beginning again.",
    "So not {x}. Let me do the whole thing over.", "I'll drop this and work it out anew.", "Let me take it from the top.",
)  # fmt: skip

CORRECTIONS = (
    "", "", "", "Again: ", "Corrected: ", "Once more, carefully: ", "The step should read: ", "Done right: ",
    "Redone: ", "Properly this time: ", "Here it is again: ", "Second attempt: ", "Fixed: ", "The correct line: ",
    "Now correctly: ", "Let me write it again: ", "With care: ", "What it should be: ", "The right version: ",
)  # fmt: skip

AGAIN_CORRECTIONS = (
    "", "", "From the start: ", "To begin with: ", "First of all: ", "Starting over: ", "Anew: ", "Once more: ", "First: ",
)  # fmt: skip

SKIPPED_CORRECTIONS = (
    "First the missing step: ", "The step I left out: ", "So first: ", "Before that: ", "Filling the gap: ",
    "What has to come first: ", "Starting with what I skipped: ", "",
)  # fmt: skip

EARLY_CORRECTIONS = (
    "",
    "",
    "So, one more step: ",
    "Finishing it: ",
    "The last step: ",
    "To finish: ",
    "What remains: ",
)

REDOS = (
    "", "", "", "Then: ", "With that, again: ", "And from there: ", "That changes the next part: ",
    "Updating what follows: ",
    "Now the part that used it: ", "Carrying the new value on: ", "Next, redone: ", "So then: ",
)  # fmt: skip

EARLY_CLAIMS = (
    "So the answer is {x}.", "That makes {x} the answer.", "And that's the answer: {x}.", "So I can answer {x}.",
    "That should be it, {x}.", "Which leaves {x} as the final result.", "So the result is {x}.", "Done, it's {x}.",
)  # fmt: skip

ANSWERS = (
    "The answer is {box}.", "So the answer is {box}.", "The final answer is {box}.", "Answer: {box}",
    "Therefore, the answer is {box}.",
    "That gives {box}.", "The result is {box}.", "Final answer: {box}",
)  # fmt: skip

PLANS = (
    "", "", "", "", "Let me work this out step by step.\n", "Let me go through it in order.\n", "One step at a time.\n",
    "I'll work through the numbers.\n", "Let me figure this out.\n", "Okay, let me see.\n",
    "Start with what is given.\n",
)  # fmt: skip
