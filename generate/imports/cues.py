"""Words by which roles are read out of prose: doubts, findings that something was wrong, checks, fresh starts.

They are ordinary English for these acts. A doubt is not a verdict: only a finding makes what stands before it a mistake, and a
finding that is asked, supposed or denied is none. What they find is `unverified` whatever it is.
"""

from __future__ import annotations

import re

_LEAD = r"(?:(?:but|and|so|oh|ah|ok|okay|well|uh|um|alas|now)[,.!]*\s+){0,4}"
DOUBT = re.compile(
    rf"{_LEAD}(?:wait\b|hold on\b|hang on\b|hmm+[,.]* (?=wait|no\b|that|this|is\b|but)|no[,.!]\s|not so fast|oops\b|stop[,.!]\s|actually[,.]?\s|let me re-?think|let me (?:look|check|double-check|question|go over|redo)\b|am i sure|i['\u2019]m not sure"
    r"|(?:is|does|could|did|was) [^.?!\n]{{1,40}}\?|that was quick|careful\b|one moment|something (?:is|seems|looks) (?:off|wrong|odd))",
    re.IGNORECASE,
)
_OFF = r"(?:wrong|incorrect|not (?:right|correct|true|valid|possible)|false|a mistake|an error|mistaken|invalid|impossible)"
_FOUND = re.compile(
    rf"\b(?:that|this|it|which|what i (?:wrote|did|said)|my [\w ]{{1,40}}|the (?:above|previous|last|first|earlier)[\w ]{{0,30}})"
    rf"\s*(?:'s|\u2019s| is| was| are| were| must be| has to be| seems| looks| can(?:no|')t be (?:right|correct|true))?\s*(?:also |clearly |still )?{_OFF}\b"
    r"|\b(?:that|this|it|which) (?:can(?:no|['\u2019])t|could(?: not|n['\u2019]t)) be(?: right| correct| true|[.,!])"
    r"|\bi (?:made|have made|must have made|did make) (?:a|an|some|the) (?:[\w ]{1,20} )?(?:mistake|error|slip)"
    r"|\bi (?:forgot|overlooked|misread|miscounted|miscalculated|misinterpreted|messed up|mixed up)\b"
    r"|\b(?:scratch|strike) that\b|\bmy mistake\b|\bthat(?:'s|\u2019s| is) (?:an?|the) (?:error|mistake)\b|\bcorrection:"
    r"|\bthere(?:'s|\u2019s| is| was) (?:a|an) (?:[\w ]{1,20} )?(?:mistake|error)\b"
    r"|\bwait,? no\b|^no,? (?:wait|that['\u2019]?s not|that is not|this is not|it['\u2019]?s not|it is not)\b",
    re.IGNORECASE,
)
# Said by a strong doubt these find a mistake; without one they are how cases are ruled out.
_AGAINST = re.compile(
    r"\b(?:that|this|it|which) (?:doesn['\u2019]t|does not|didn['\u2019]t|did not|won['\u2019]t|can['\u2019]t) "
    r"(?:work|hold|match|fit|add up|make sense|satisfy)\b|\bcontradict",
    re.IGNORECASE,
)
# The reason why a value cannot stand, where it was doubted just before.
_REASON = re.compile(
    r"\b(?:should|must|ought to|needs? to|has to|have to|would) (?:be|come out|give|have been|equal)\b[^.]{0,40}\b(?:not|instead|rather|but)\b"
    r"|\b(?:can['\u2019]t|cannot|could not|couldn['\u2019]t|can not) (?:be|stand|have been)\b"
    r"|\d,? (?:and )?not -?\$?\d|\binstead of -?\$?\d|\bso -?\$?[\d.,]+ (?:is|was) (?:wrong|a slip|off)\b",
    re.IGNORECASE,
)
_STRONG = re.compile(rf"{_LEAD}(?:wait|hold on|hang on|no[,.!]\s|oops)", re.IGNORECASE)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|maybe|perhaps|might|may|could it|did i|unless|make sure|not sure|in case|suppose|would be|nothing|isn['\u2019]t (?:a|an)\b"
    r"|no (?:mistake|error)|not (?:a|an) (?:mistake|error))\b",
    re.IGNORECASE,
)
_CHECK = re.compile(
    rf"^{_LEAD}(?:let me|let's|i(?:'ll| will| should| need to| want to| have to)|we (?:should|can|need to)|just to|to)\b[^.?!\n]{{0,40}}"
    r"\b(?:check|verify|confirm|double-?check|re-?check|be (?:sure|certain|safe|thorough)|make sure|test)\b"
    r"|^(?:check|verification|double-?check(?:ing)?|checking|sanity check)\b"
    r"|^(?:yes|yep|good|great|perfect|right|correct|exactly)(?:[,.! ]|$)"
    r"|(?:\bchecks out|(?:\bis|['\u2019]s) (?:indeed )?(?:correct|right)|\bthat matches|\bwhich matches|\bseems (?:right|correct))[.,!]?\s*$",
    re.IGNORECASE,
)
_RESTART = re.compile(
    rf"^{_LEAD}(?:let me|let's|i(?:'ll| will| should| need to| have to)|we (?:should|need to|have to)|so i)\b[^.?!\n]{{0,30}}"
    r"\b(?:try|start|redo|re-?do|recalculate|recompute|re-?examine|reconsider|re-?evaluate|go back|correct|fix|rethink|think again)\b"
    r"|^(?:going back|back to|starting over|start over|try again|instead|another (?:way|approach))\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"[^.!?\n]+[.!?]?")


def asks(text: str) -> bool:
    """Whether a unit ends in a question: nothing is claimed that could be wrong."""
    return text.rstrip().endswith("?")


def doubts(text: str) -> bool:
    """Whether a unit begins with a doubt."""
    return DOUBT.match(text) is not None


def finds(text: str, *, doubted: bool = False) -> bool:
    """Whether a unit says that something before it was wrong; `doubted`: it, or the one before it, begins with a doubt."""
    strong = _STRONG.match(text) is not None
    for sentence in _SENTENCES.findall(text[:600]):
        if sentence.endswith("?") or _SUPPOSED.search(sentence):
            continue
        if _FOUND.search(sentence.strip()) or (strong and _AGAINST.search(sentence)):
            return True
        if doubted and _REASON.search(sentence):
            return True
    return False


def confirms(text: str) -> bool:
    """Whether a short unit says no more than that all is well."""
    return len(text.split()) <= 4 and checks(text)


def checks(text: str) -> bool:
    """Whether a unit looks again at something, or says that it holds."""
    return _CHECK.search(text[:300]) is not None


def restarts(text: str) -> bool:
    """Whether a unit only goes back to do something again; one that does it at once is more than that."""
    if "=" in text or len(text.split()) > 15:
        return False
    return _RESTART.search(text[:200]) is not None
