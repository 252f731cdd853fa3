"""Sentences of an answer, and which of them go back, doubt, check, set a subgoal or work backward.

The cues are ordinary English for these acts (and the few words of the compact notation). They were written from general
knowledge and from reading answers, never from the phrase bank of the training texts, so that they see other models' words
too. A sentence has one kind, the first that fits in the order of `CUES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from journey.evaluate.behaviour.records import Mark
from journey.formats.behaviour import Kind

RULES_VERSION = "1"

_END = re.compile(r"\n+|(?<=[.!?])[\"')\]*]*[ \t]+")
_WORD = re.compile(r"[A-Za-z]{2}|\u2260")
_TAGS = re.compile(r"</?think>")

_ME = r"(?:i|we|let me|let us|let's|lets|i'll|i'd|i'm|we'll|i have to|i must|i need to|i should|we need to|i want to|so i)"
_OFF = r"(?:wrong|incorrect|false|a mistake|an error|a slip|mistaken|out|impossible)"

_BACKTRACK = [
    r"^(?:so |then |and |well, |okay,? |ok,? )*(?:back|return|undo|scratch|strike|start(?:ing)? (?:again|over|afresh)|from the top|once more|again from)\b(?! on track)(?! up for)",
    r"\bback (?:one step|up to|to (?:the (?:step|start|beginning|numbers|last|earlier|previous|problem's)|that|where|square one|it))\b",
    rf"\b{_ME}\b[^.?!]{{0,25}}\b(?:go|going|step|head|track|turn|come) back\b(?! over)",
    rf"\b{_ME}\b[^.?!]{{0,25}}\breturn(?:ing)? to (?:the|that|-?\d)",
    rf"\b{_ME}\b[^.?!]{{0,30}}\b(?:undo|redo|rework|restart|start over|start again|try again|retry|backtrack|retract|discard|abandon|drop|replace|fix|correct (?:that|this|it|the))\b",
    r"\bundoes\b|\btake (?:that|it|this|the -?\d[\d.,]*|-?\d[\d.,]*) back\b|\btakes me back\b|\bcross (?:that|this|it|the)\b[^.]{0,20}\bout\b",
    r"\b(?:can't|cannot|can not) (?:stay|stand)\b|\bneither\b[^.]*\bcan stay\b|\bshouldn't stop at\b|\b(?:has|have) to go\b|\bneeds? (?:fixing|correcting)\b",
    r"\b(?:must be|has to be|to be|have to be) (?:redone|done (?:over|again))\b|\bneeds to be (?:redone|done again|corrected)\b",
    rf"^(?:so|that means|this means|then|hence|therefore|thus|which means|okay,? so)\b[^.?!]{{0,60}}\b(?:is|are|was|were) (?:also )?{_OFF}\b(?! by)",
    rf"\bthat settles it\b|\bso (?:that was|this was|it was) {_OFF}|^so not -?\d|\b(?:carried|spread) over into\b|\bcame too soon\b",
    r"\bi (?:made|did make|must have made) (?:a|an|the) (?:\w+ )?(?:mistake|slip|error)\b|\bi (?:messed|screwed) up\b|\bmy mistake\b|\bi (?:skipped|missed|left out|forgot)\b",
    r"\bis (?:still )?missing\b|\bone step is left\b|\bnot (?:finished|done) yet\b|\bcorrect that (?:line|step)\b|\btake that step again\b",
    r"\b(?:try|use|consider|take) (?:a |an |some )?(?:different|another|other|new) (?:approach|way|method|route|idea|path|combination|one|strategy)\b|\btry something else\b",
    r"^(?:oh|ah|no|oops)?,? ?(?:wait,? )?no[,.!\u2014 ](?!\b(?:other|one|need|more|two|real|such|matter|good|luck|combination|way)\b)|\bwait,? no\b|^(?:oh|ah|oops)\b[^.]{0,15}\bi see\b|\bnever ?mind\b|\bthat's not (?:right|it|correct)\b|\bthat is not (?:right|correct)\b",
    r"^ ?back(?: to [^.]*)? ?\.?$",
]
_NOTICE = [
    r"^(?:but |oh,? |ah,? |and |so |well,? |okay,? |no,? )*(?:wait|hold on|hang on|hmm+[,.]? (?=-?\$?[\d.,]+\?|wait|that|this can't)|not so fast|stop there|stop)\b",
    r"\bactually,? (?:let me|wait|no|i)\b|\bback up for a\b|\b(?:let me|i'll|i) (?:reconsider|rethink|think again|question|pause)\b|\bpausing\b",
    r"\b(?:dead end|goes nowhere|no good|no luck|not it|stuck|not this way|wrong way|nothing (?:here|made|works))\b|^(?:that|this|it) fails\b|^nope\b|^too bad\b",
    r"\bno (?:combination|solution|way)\b|\b(?:there is|there's|has) no -?\d|\b(?:am i|are we) sure\b|^careful\b",
    r"\b(?:out of reach|not within reach|within reach of|beyond what|no way (?:from|to|of)|does not come out of|won't turn into|do not lead to|does not lead to)\b",
    r"\b(?:cannot|can't|can not|could not|couldn't) (?:be|equal|make|get|turn|come|give|reach|use|possibly)\b",
    r"\b(?:looks?|seems?|sounds?|feels?) (?:a bit |a little |rather |too )?(?:wrong|off|suspicious|doubtful|odd|strange|fishy|unlikely|high|low|large|small)\b",
    r"\bsomething(?:'s| is| seems)? (?:\w+ )?(?:off|wrong|bothers)\b|\bbothers me\b|\bi doubt\b|\bi'm not (?:sure|convinced|certain)\b|\bnot (?:sure|convinced) (?:about|yet|of)\b|\bhow sure am i\b",
    r"\b(?:doesn't|does not|don't|do not|didn't|won't) (?:fit|match|make sense|add up|agree|hold|divide|come out|equal|satisfy)\b|\bmakes no sense\b|\b(?:that|this|it|which) (?:doesn't|does not|won't) work\b|\bdisagrees? with\b|\bcontradict",
    r"\b(?:instead of|rather than|and not|not) -?[\d(][\d\s.*+/()-]{0,15}\.?$|\bwhere i (?:wrote|used)\b|\bi (?:used|wrote|took|worked out|computed) [-\d(]",
    r"\bshould (?:be|come out|give|have been)\b[^.]*\b(?:instead|not|but)\b|\bought to\b|\b(?:is|are) (?:too (?:big|small|large)|impossible|suspicious)\b|\bless than nothing\b|\bbelow zero\b",
    r"\bwould have to (?:be|bring|give)\b|\bif -?\d[^.]{0,40} were\b|\bif [^.]{1,40} (?:is|were|was) right\b|\bnot yet the number\b|\bcatches my eye\b",
    r"^(?:wait|check) .* (?:not|<|>|even|odd|whole)\b|^check\b.*\bnot\b",
]
_CHECK = [
    rf"\b{_ME}\b[^.?!]{{0,30}}\b(?:double-?check|re-?check|check|verify|confirm|make sure|test|validate|plug [^.]{0, 30}back|substitute back|retrace|audit|re-?read|review|look (?:back|again)|look at [^.?!]{1, 20} again)\b",
    r"^(?:just )?(?:to )?(?:double-?check|check|verify|confirm|verification|sanity check|quick check|checking|verifying|plugging|testing)\b",
    r"\b(?:double-?check(?:ing)?|sanity check|to be (?:sure|safe|thorough|certain)|to make sure|just in case)\b",
    r"\b(?:checks out|check out|that matches|which matches|this matches|which (?:is|agrees with|confirms)(?: exactly)? (?:what|the given)|matches (?:exactly|the|what)|consistent with|as (?:expected|required)|is satisfied|satisf(?:y|ies) (?:the|both|all))\b",
    r"\b(?:is|does|do|are|would|was) (?:that|this|it|these|they|-?\d[\d.,]*)\b[^.?]{0,40}\b(?:right|correct|true|make sense|work|fit|plausible|satisfy|hold)\?",
    r"\b(?:second look|needs a check|deserves|rests on|this depends on|taking stock|scanning back|looking (?:back|over)|re-?reading|reviewing|time to verify|better (?:double-?)?check|never verified|should have checked|came from)\b",
    r"\bwhether -?[\d.,]+ (?:fits|is|works|holds)\b|\bto (?:verify|test|check) (?:the|that|this|it|my|if|whether)\b|\blet me slow down\b|\bnot trust\b",
    r"^(?:first|then|next|now|second(?:ly)?)\b[,:]? (?:check|verify|test)\b|\b(?:need|have|want) to (?:ensure|be careful)\b",
    r"\b(?:is|are) there (?:any|a|an|another|some|other)\b[^.=]*\?|^(?:but |and |now,? )*what (?:about|if)\b[^.=\d]*\?|,? right\?$",
    r"\b(?:let me|let's|i'll) (?:see|check) (?:if|whether)\b|\b(?:see|read|look at) the (?:expression|problem|question|equation|original)[^.]*\bagain\b",
    r"\bbut the (?:problem|question) (?:says|asks|states|wants)\b|[\u2260]|,? not(?: possible| equal| valid)?\.?$",
    r"(?:^|, )(?:yes|yep|correct|right|exactly|good|perfect|great)[.!]?$|\b(?:yes|yeah|yep)\b[^.]*\b(?:same|fits?|match(?:es)?|works?|correct|right|makes sense|good|holds?)\b",
    r"\b(?:seems?|is|are|looks?|it's|that's|was) (?:indeed |definitely |all |still )?(?:right|correct|fine|consistent)\b[^?]{0,12}$|\b(?:combined|did|handled|done|computed|calculated|applied|got|set|solved)\b[^.]*\bcorrectly\b|\bis (?:indeed|definitely)\b",
    r"\b(?:that|this|it)(?: also| all| \w+ly)? (?:works|makes sense|fits|holds|checks)\b|\b(?:constraints?|conditions?|requirements?)\b[^.]*\b(?:satisfied|met|holds?)\b",
    r"\b(?:hold|holds) up\b|\b(?:work(?:ing)? back|going back|in reverse|the reverse|undoing)[^.]*\b(?:yet|but|not|instead|should|fails|comes to|takes me)\b",
    r"^ ?check\b",
]
# A mistake that is only thought possible is a check, though its words are those of going back.
_MAYBE = [
    r"\b(?:maybe|perhaps|in case|if|whether|did|don't think|not think|make sure)\b[^.]*\b(?:mistakes?|errors?|messed|wrong)\b"
]
_BACKWARD = [
    r"\bwork(?:ing)? back(?:ward|wards)?\b|\bgoing back(?:ward|wards)\b|\b(?:in|the) reverse\b|\bbackward chaining\b|\bstart(?:ing)? (?:from|with|at) the (?:answer|target|goal|end|result|final)\b",
    r"\b(?:to|in order to) (?:get|reach|make|obtain|have|end up with) -?\$?\d[\d.,]*,? (?:i|we|you|one|it)\b[^.]{0,20}\b(?:need|must|want|would|have to|could)\b",
    r"\bfor (?:this|that|it|the (?:result|sum|total|product|answer|target)) to (?:be|equal|come out)\b",
]
_GOAL = r"(?:find|compute|calculate|determine|figure out|work out|solve|get|count|consider|look at|list|expand|simplify|express|identify|handle|add up|combine|set up|define|analy[sz]e|evaluate|see how|know|start|distribute)"
_SUBGOAL = [
    rf"^(?:so,? |okay,? |alright,? |and |but )*(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|next|then|now|finally|after that|step \d+)\b[,:]?[^.?!]{{0,25}}\b(?:need to|have to|must|will|'ll|should|can|want to|let's|let us|let me|i'll|we'll)\b[^.?!]{{0,15}}\b{_GOAL}\b",
    rf"^(?:so,? |okay,? |alright,? |and |but )*(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|next|then|now|finally|step \d+)[,:]? {_GOAL}\b",
    r"^\W*step \d+\b",
    r"^(?:so,? |okay,? |alright,? |now,? |and )*let(?:'s| me| us)\b (?:first |now |just )*(?:start|begin|set up|define|solve|find|figure out|handle|determine|translate|break|work out|consider|see what|expand|express|denote)\b(?! with it)",
    r"\b(?:must|need to|have to|should|can) first\b|^(?:so,? )?(?:start|begin)(?:ing)? (?:by|with|inside)\b|^now,? (?:i|we) (?:must|need to|have to|should) (?:solve|find)\b",
    r"\bbreak (?:it|this|that|the problem|things) (?:down|up|into)\b",
    rf"^(?:so,? |okay,? |alright,? )*(?:to do (?:that|this|so)|for (?:that|this)|before (?:that|this))\b[^.?!]{{0,30}}\b(?:need|must|have to|first)\b|\b(?:i|we) (?:first )?need to (?:first )?{_GOAL}\b[^.]*\b(?:first|before)\b",
]


def _any(cues: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{cue})" for cue in cues), re.MULTILINE)


CUES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("check", _any(_MAYBE)),
    ("backtrack", _any(_BACKTRACK)),
    ("notice", _any(_NOTICE)),
    ("check", _any(_CHECK)),
    ("backward", _any(_BACKWARD)),
    ("subgoal", _any(_SUBGOAL)),
)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans `[start, end)` of the sentences and lines of a text, blanks around them left out."""
    start = 0
    for end in [*_END.finditer(text), None]:
        stop = len(text) if end is None else end.start()
        piece = text[start:stop]
        left = len(piece) - len(piece.lstrip())
        if piece.strip():
            yield start + left, start + left + len(piece.strip())
        start = stop if end is None else end.end()


@lru_cache(maxsize=1 << 14)  # answers in the compact notation say the same few things again and again
def kind_of(sentence: str) -> Kind | None:
    """What a sentence does, by its words alone; None where it just goes on."""
    if not _WORD.search(sentence):
        return None
    plain = _TAGS.sub("", sentence).replace("\u2019", "'").strip().lower()
    return next((kind for kind, cue in CUES if cue.search(plain)), None)


def marked(text: str) -> list[Mark]:
    """The sentences that do something, in order; neighbours of one kind are one mark."""
    marks: list[Mark] = []
    last: Kind | None = None
    for start, end in sentences(text):
        kind = kind_of(text[start:end])
        if kind is not None and kind == last:
            marks[-1] = Mark(kind, marks[-1].start, end)
        elif kind is not None:
            marks.append(Mark(kind, start, end))
        last = kind
    return marks
