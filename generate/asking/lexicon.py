"""Words by which the guard of rewrites reads what a piece of a trace does: doubt, deny, agree, go back, leave open, tell the answer.

English alone, and words, not meaning. Each list was made on rewrites by a large language model and on damaged ones
(docs/methods.md has the figures on others), so a new word is best added together with a rewrite that needs it.
"""

from __future__ import annotations

import re

MARKUP = re.compile(r"[<>]|\\|\bthink>|```")
ANSWER = re.compile(r"\banswers?\b", re.IGNORECASE)
SIGN = re.compile(
    r"(?<=[\d)a-z])(?<! or)(?<!with) ([-+*/\u00d7\u00f7\u2212]) (?=[\d(a-z$])(?!or )"
)  # between what is calculated with
NO_NUMBER = re.compile(r"\bdouble-check\w*|\bsecond (?:look|time|thoughts?|reading)\b", re.IGNORECASE)
_NOT = r"(?:\bnot|n't|\bno|\bnever|\bnothing(?:'s| is| was)?)\s+"
NOT_WRONG = re.compile(
    rf"{_NOT}(?:\w+\s+)?(?:wrong|amiss|a mistake|an? error|incorrect|off|bad)\b|\bwithout (?:a )?mistakes?\b",
    re.IGNORECASE,
)
NOT_RIGHT = re.compile(
    rf"{_NOT}(?:\w+\s+){{0,3}}(?:right|correct|true|fine|good|so|hold\w*|work\w*|match\w*|"
    rf"fit\w*|expected|the same|comfortable|happy|satisfied|pleased)\b",
    re.IGNORECASE,
)
DOUBT = re.compile(
    r"\b(?:wait|hmm+|hm|hold on(?! to)|wrong|wrongly|mistakes?|mistaken|errors?|incorrect|"
    r"slip|slipped|fails?|failed|dead end|stuck|"
    r"rules? (?:this|that|it) out|used up|sadly|impossible|suspicious|doubt\w*|trust|guess|perhaps|"
    r"probably|unsure)\b",
    re.IGNORECASE,
)
HEDGE = re.compile(  # leaves open what was said surely
    r"\b(?:whether|possibly|supposedly|unclear|who knows|anyone's guess|not sure|unsure|"
    r"provided|assuming|either way|for now|strikes? me|"
    r"(?:cannot|can't|could not|couldn't|hard to|too early to) (?:tell|say|judge|know)|"
    r"(?:odd|strange|weird|surpris\w+)(?! (?:number|page|one)s?)|"
    r"if (?:i|my) (?:am|have|had|got|read|remember|counted|understood|took|memory|reading|math|sums?)|"
    r"(?:rather|quite|surprisingly|suspiciously|oddly) (?:a lot|high|low|large|small|much|big|little|few|many)|"
    r"i(?:'d| would) (?:want to|have (?:to|thought|expected|said|guessed)|like to|better|say)|"
    r"i(?:'ll| will| should| must) (?:check|come back)|"
    r"i (?:think|hope|believe|suppose|suspect|assume|reckon|wonder)|(?:may|might|could) well|not convinced|"
    r"have a feeling|sits? right|unless|overlooked)\b",
    re.IGNORECASE,
)
PERHAPS = re.compile(r"\b(?:may ?be|perhaps|might|seems?|probably)\b", re.IGNORECASE)
PROPOSED = re.compile(
    r"\b(?:option|what about|how about|consider|let me|try|suppose|say|using|combine|take|could|next)\b", re.IGNORECASE
)
OPEN = re.compile(  # a notice that decides nothing
    r"\b(?:anyone's guess|who knows|either way|unclear|undecided|up in the air|"
    r"(?:cannot|can't|could not|couldn't|hard to|too early to) (?:tell|say|judge|know)|"
    r"(?:might|may|could) (?:still |well |just |yet )*(?:be )?(?:right|fine|true|correct|hold|work|ok\w*|or)|"
    r"(?:can't|cannot|couldn't|could not) (?:see it|make out|work out|decide)|maybe[^.;]* maybe|"
    r"(?:might|may) not|whether or not|whether[^.;]* (?:can't|cannot|couldn't|don't|unclear|open)|so maybe|not sure (?:if|whether))\b",
    re.IGNORECASE,
)
GOAL = re.compile(  # what is asked for
    r"\b(?:goal|target|aim|wanted|asked|need\w*|want\w*|looking for|does it|does the trick|"
    r"done|finish\w*|final\w*|last number|in the end|settle\w*|solution)\b",
    re.IGNORECASE,
)
AS_GOAL = re.compile(  # a value that is said to be it
    r"\b(?:the|my|our) (?:final|goal|target|aim|solution)\b|\b(?:asked|looking) for\b|"
    r"\bwhat (?:i|we) (?:need|want|am after|are after)\b|\b(?:be|being) the (?:end|last word)\b|"
    r"\bwhat (?:it|the question|the problem) (?:asks|wants)\b",
    re.IGNORECASE,
)
SKIPS = re.compile(  # tells in a mistake what it does
    r"\b(?:stand\w* in for|(?:put|taken|treated|counted|read) (?:at|as)|in place of|instead of|"
    r"without|forget\w*|ignor\w*|skip\w*|overlook\w*|leav\w+ (?:\S+ ){0,3}(?:out|aside)|"
    r"never mind|as if|as though|straight (?:off|away)|"
    r"as (?:it|they) (?:is|are|stand\w*)|by mistake|even though|the wrong way|calls? for)\b",
    re.IGNORECASE,
)
NEGATED = re.compile(r"\b(?:un(?!it|til|der|ion|i[qv]|cle|less|to)|non-)\w+", re.IGNORECASE)
TOGETHER = re.compile(r"\d+ and \d+")  # the numbers of a dead end; what is said of them may come before them or after
GLUED = re.compile(r"[$(]*\d[\d.,$()]*(?:[-+*/x\u00d7=][\d.,$()]+)+", re.ASCII)
SAID = re.compile(r"(?<![-+*/] )(?<![\d.])(\d+(?: [-+*/] \d+)+) (?:is|gives|makes|equals|comes to) (\d+)")
PRODUCT = re.compile(
    r"\b(?:product|multipl\w+)(?: (?:would|is|be|gives?|makes?|comes?|to|them|it|me|only))+ (\d+)", re.IGNORECASE
)
TWO = re.compile(r"\b(?:pair|couple)\b", re.IGNORECASE)
CALCULATES = re.compile(
    r"\b(?:sums?|products?|differences?|add\w*|plus|minus|times|subtract\w*|multipl\w*|"
    r"divid\w*|taken? (?:off|away)|less)\b",
    re.IGNORECASE,
)
LEFT = re.compile(r"\b(?:left|remain\w*|over|stays?|keeps?|still)\b", re.IGNORECASE)
GONE = re.compile(r"\b(?:gone|spent|covered|lost|used up|taken|given away|no longer)\b", re.IGNORECASE)
WORD = re.compile(r"[a-z]{4,}", re.IGNORECASE)
PREFIXES = ("un", "in", "im", "ir", "dis", "non", "mis")
DENIAL = re.compile(r"\b(?:no|nope|not|never|nothing|none|cannot|nowhere)\b|n't\b", re.IGNORECASE)
_HIGH = (
    r"(?:go\w*|get\w*|push\w*|take\w*|bring\w*)(?: (?:it|things?|me|us|that))? (?:up(?! to)|higher)|"
    r"grows?|too (?:high|much|big|large|many)|overshoots?|above|over|more than|higher|larger|"
    r"bigger|greater|beyond|past"
)
_LOW = (
    r"(?:go\w*|get\w*|push\w*|take\w*|bring\w*)(?: (?:it|things?|me|us|that))? (?:down(?! to)|lower)|"
    r"shrinks?|too (?:low|little|small|few)|short of|falls short|below|under|less|lower|"
    r"smaller|short"
)
SIDES = re.compile(rf"\b(?:({_HIGH})|({_LOW}))\b", re.IGNORECASE)
MISSES = re.compile(  # said of a value it is a reason to doubt; in a step it is any word: left over, get off
    rf"\b(?:off|misses|missed|{_HIGH}|{_LOW}|out of reach|drop)\b", re.IGNORECASE
)
CONTRAST = re.compile(
    r"\b(?:yet|but|however|though|although|while|whereas|rather|instead|ought|"
    r"(?:should|would) (?:be|have|give|come|return|bring))\b",
    re.IGNORECASE,
)
BUT = re.compile(r"\b(?:although|though|however|instead|rather|but|yet|whereas)\b", re.IGNORECASE)
ASSENT = re.compile(
    r"\b(?:right|correct|correctly|true|fine|good|holds|(?<!as it )stands(?! on)|yes|yep|yeah|"
    r"checks out|works out|fits|indeed|great|works|exactly|"
    r"as wanted|is well|is (?:okay|alright|all right)|adds up|nicely|will do|comfortable|"
    r"happy|satisfied|pleased|confirms|keep|keeping)\b",
    re.IGNORECASE,
)
PASSES = re.compile(
    r"\b(?:expect\w*|(?:the )?same|as (?:before|it (?:should|ought|was))|(?:way|like|what) it (?:should|ought)|"
    r"does (?:fit|hold|work|stand|match|make|come)|stays?)\b",
    re.IGNORECASE,
)
AGAIN = re.compile(r"\b(?:again|once more|still|too)\b", re.IGNORECASE)
FAILS = re.compile(
    r"\d (?:does not|doesn't|is not|isn't|do not|don't|won't) (?!(?:just|only))(?:\w+ ){0,2}(?:to )?\d|not what i|isn't what i|"
    r"(?:is|'s) (?:something|anything) (?:wrong|off|amiss)",
    re.IGNORECASE,
)
KEPT = re.compile(r"\b(?:stays?|stand|stands|keep|keeps|remains?)\b", re.IGNORECASE)
ASKED = re.compile(r"[^.!?:;]*\?")  # is it right? agrees with nothing; and how many are left? doubts nothing
WHICH = re.compile(r"\b(?:what|how|which|where|who|when)\b", re.IGNORECASE)
MENDS = re.compile(
    r"\b(?:put|set|get|make|do|doing|getting|putting) (?:it|that|this|them|things) right\b", re.IGNORECASE
)
OPENING = re.compile(r"\s*(?:okay|ok|right|yes|yeah|yep|all ?right|good|fine)[,.!]\s", re.IGNORECASE)
BACK = re.compile(
    r"\b(?:back|backs|again|undo|undoing|undoes|undone|return|returning|retry|another|restart|"
    r"start over|over|instead|redo|redone|once more|"
    r"revisit|from the top|rethink|scratch|afresh|str(?:ike|ikes|iking|uck)|forget|anew|else|aside|drop|leave|correct|"
    r"fix|fixing|fixed|repair|skipped|missing|"
    r"out(?! of)|falls|withdraw\w*|discard\w*|reject\w*|cancel\w*)\b",
    re.IGNORECASE,
)
ONWARD = re.compile(r"\b(?:first|nearer|go|goes|next|on|further|take|takes|out|left|still)\b", re.IGNORECASE)
