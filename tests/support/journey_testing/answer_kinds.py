"""A grammar of answers: for every kind a gold answer, right respellings of it, and near misses.

A right respelling says the same thing in another way; a near miss is what a wrong solution could have ended with. Every
function draws its numbers from the generator it is given, so that no list of texts has to be learned by the checker.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple


class Case(NamedTuple):
    """One gold answer with texts that are it and texts that are not."""

    gold: str
    right: list[str]
    wrong: list[str]


Maker = Callable[[random.Random], Case]
KINDS: dict[str, Maker] = {}


def kind(maker: Maker) -> Maker:
    """Register a kind under the name of its function."""
    KINDS[maker.__name__] = maker
    return maker


def _fraction(value: Fraction, command: str = "\\frac") -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{command}{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _proper(draw: random.Random) -> Fraction:
    bottom = draw.choice([3, 7, 9, 11, 13])
    return Fraction(draw.choice([n for n in range(1, bottom) if Fraction(n, bottom).denominator == bottom]), bottom)


def _term(coefficient: int, rest: str) -> str:
    return {1: f"+{rest}", -1: f"-{rest}"}.get(coefficient, f"{coefficient:+d}{rest}")


def _line(*terms: tuple[int, str]) -> str:
    return "".join(_term(c, rest) if rest else f"{c:+d}" for c, rest in terms if c).removeprefix("+")


@kind
def integer(draw: random.Random) -> Case:
    n = draw.randint(12, 999)
    digits = str(n).translate(
        str.maketrans("0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19")
    )
    right = [f"{n}.0", f"+{n}", f"{3 * n}/3", f"\\dfrac{{{2 * n}}}2", f"\\boldsymbol{{{n}}}", f"\\color{{blue}}{n}",
             f"\\textcolor{{red}}{{{n}}}", f"$x={n}$", f"x_{{\\text{{max}}}} = {n}", digits, f"\\mathbf{{{n}}}", f"\\boxed{{{n}}}"]  # fmt: skip
    return Case(str(n), right, [str(n + 1), f"-{n}", f"{n}0", f"{n}x", f"{n}\\text{{x}}", f"{n}\\mathrm{{i}}", f"\\pm {n}",
                                f"{n}!", f"x > {n}", f"{n}, {n + 1}", f"n={n}k"])  # fmt: skip


@kind
def thousands(draw: random.Random) -> Case:
    a, b = draw.randint(1, 99), draw.randint(0, 99)
    gold = f"{a},{b:03d}"
    right = [f"{a}{b:03d}", f"{a}{{,}}{b:03d}", f"{a},\\!{b:03d}", f"{a}\\,{b:03d}", f"{a} {b:03d}", f"\\${a},{b:03d}",
             f"{a}.{b:03d}\\text{{ thousand}}", f"{a}\u202f{b:03d}"]  # fmt: skip
    return Case(gold, right, [f"{a}, {b}", f"{a}, {b:03d}", f"{a},{b:03d},000", f"{a}.{b:03d}", f"{a},{b:03d}.5"])


@kind
def decimal(draw: random.Random) -> Case:
    n = draw.choice([q for q in range(101, 999) if q % 10])
    value = Fraction(n, 100)
    sups = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
    shown = f"{n // 100}.{n % 100:02d}"
    right = [f"{shown}0", _fraction(value), f"{value.numerator}/{value.denominator}", f"{n}\\times 10^{{-2}}",
             f"{n}\\cdot 10{'-2'.translate(sups)}", f"{n}e-2", f"{n // 100}\\frac{{{n % 100}}}{{100}}"]  # fmt: skip
    return Case(shown, right, [shown[:-1], f"{n}", f"{n // 100},{n % 100:02d}", f"{n}\\times 10^{{-3}}", f"-{shown}",
                               f"{shown}\\overline{{3}}", _fraction(1 / value)])  # fmt: skip


@kind
def repeating(draw: random.Random) -> Case:
    a, b = draw.randint(0, 8), draw.randint(1, 8)
    value = Fraction(a, 10) + Fraction(b, 90)
    wrong = [f"0.{a}\\overline{{{b + 1}}}", f"0.{a}{b}", f"0.{a}{b}{b}{b}", f"0.\\overline{{{a}{b}}}"]
    return Case(_fraction(value), [f"0.{a}\\overline{{{b}}}", f".{a}\\overline{b}"], wrong if a != b else wrong[:3])


@kind
def mixed(draw: random.Random) -> Case:
    whole, part = draw.randint(1, 20), _proper(draw)
    top, bottom = part.numerator, part.denominator
    right = [_fraction(whole + part), f"{whole} {top}/{bottom}", f"{whole}\\tfrac{{{top}}}{{{bottom}}}", f"{whole} + \\frac{{{top}}}{{{bottom}}}",
             f"{whole * bottom + top}/{bottom}"]  # fmt: skip
    wrong = [f"{whole}\\cdot\\frac{{{top}}}{{{bottom}}}", _fraction(part), f"{whole + 1}\\frac{{{top}}}{{{bottom}}}", f"{whole}",
             f"-{whole}\\frac{{{top}}}{{{bottom}}}", f"{float(whole + part):.4f}"]  # fmt: skip
    return Case(f"{whole}\\frac{{{top}}}{{{bottom}}}", right, wrong)


@kind
def percent(draw: random.Random) -> Case:
    n = draw.randint(11, 89)
    right = [f"{n}", f"{n}%", f"{n} percent", f"{n}\\text{{ percent}}", f"{n}.0\\%"]
    return Case(f"{n}\\%", right, [f"{n + 1}\\%", f"0.{n:02d}", f"-{n}\\%", f"{n}0\\%"])


@kind
def money(draw: random.Random) -> Case:
    a, b = draw.randint(2, 99), draw.randint(1, 9)
    right = [
        f"{a}.{b}",
        f"${a}.{b}0",
        f"{a}.{b}0 dollars",
        f"\\${a}.{b}",
        f"{a}.{b}0\\text{{ dollars}}",
        f"{a}.{b}0\\ \\text{{USD}}",
    ]
    return Case(
        f"\\${a}.{b}0", right, [f"\\${a}{b}0", f"{a}.{b}0\\text{{ cents}}", f"\\${a}.0{b}", f"{a}", f"-\\${a}.{b}0"]
    )


UNITS = [
    ("\\mbox{ inches}^2", ["\\text{ square inches}", "\\text{ in}^2", " square inches", " in^2", "\\text{ sq. in.}"], ["\\text{ feet}^2", "\\text{ inches}"]),
    ("\\mbox{ cm}^2", ["\\,\\text{cm}^{2}", "\\text{ square centimeters}", " cm\u00b2", "~\\mathrm{cm^2}"], ["\\text{ m}^2", "\\text{ cm}^3"]),
    ("\\text{ m/s}", ["\\,\\mathrm{m/s}", "\\,\\mathrm{m\\,s^{-1}}", "\\text{ meters per second}", "\\ \\mathrm{m\\cdot s^{-1}}"], ["\\text{ km/h}", "\\text{ m}"]),
    ("\\,\\mathrm{m/s^2}", ["\\,\\mathrm{m\\,s^{-2}}", "\\text{ m/s}^2", "\\,\\frac{\\mathrm{m}}{\\mathrm{s}^2}"], ["\\,\\mathrm{m/s}", "\\,\\mathrm{m^2/s^2}"]),
    ("\\text{ hours}", ["\\text{ h}", " hours", "\\text{ hrs}", "\\,\\mathrm{h}"], ["\\text{ minutes}"]),
    ("^\\circ", ["\\text{ degrees}", "^{\\circ}", "\u00b0", " degrees"], ["\\text{ radians}"]),
    ("\\text{ kg}", ["\\,\\mathrm{kg}", "\\text{ kilograms}", " kg"], ["\\text{ g}"]),
    ("\\,\\text{\u00c5}", ["\\text{ angstroms}"], ["\\,\\text{nm}"]),
    ("\\text{ cubic units}", ["\\text{ units}^3"], ["\\text{ square units}"]),
]  # fmt: skip


@kind
def unit(draw: random.Random) -> Case:
    n = draw.randint(12, 900)
    name, others, wrong = draw.choice(UNITS)
    return Case(
        f"{n}{name}",
        [f"{n}", *(f"{n}{other}" for other in others)],
        [f"{n + 1}{name}", f"{n}0{name}", *(f"{n}{other}" for other in wrong)],
    )


@kind
def bare_with_unit(draw: random.Random) -> Case:
    n = draw.randint(12, 900)
    name, others, _ = draw.choice(UNITS)
    others = [*others, name]
    return Case(f"{n}", [f"{n}{other}" for other in others], [f"{n + 2}{other}" for other in others])


@kind
def root(draw: random.Random) -> Case:
    a, b = draw.randint(2, 12), draw.choice([2, 3, 5, 7, 13])
    right = [f"{a}\\cdot\\sqrt{{{b}}}", f"\\sqrt{{{a * a * b}}}", f"{a} \\times {b}^{{1/2}}", f"{a}\u221a{b}", f"\\frac{{{a * b}}}{{\\sqrt{{{b}}}}}",
             f"{a}\\sqrt{{{b}}}\\approx {a * b**0.5:.2f}", f"{a} sqrt({b})", f"\\sqrt {b} \\cdot {a}"]  # fmt: skip
    return Case(f"{a}\\sqrt{{{b}}}", right, [f"\\sqrt[{a}]{{{b}}}", f"{a}\\sqrt{{{b + 1}}}", f"{a * b**0.5:.6f}", f"{a}+\\sqrt{{{b}}}",
                                             f"-{a}\\sqrt{{{b}}}", f"{a}", f"{a * b}"])  # fmt: skip


@kind
def pi(draw: random.Random) -> Case:
    a, b = draw.randint(2, 30), draw.choice([3, 7, 11])
    gold = f"{a}+\\frac{{\\pi}}{{{b}}}"
    right = [
        f"\\frac{{\\pi}}{{{b}}}+{a}",
        f"\\frac{{{a * b}+\\pi}}{{{b}}}",
        f"{a}+\u03c0/{b}",
        f"{a} + \\frac1{{{b}}}\\pi",
        f"\\tfrac{{1}}{{{b}}}({a * b}+\\pi)",
    ]
    return Case(
        gold,
        right,
        [
            f"\\frac{{{a}+\\pi}}{{{b}}}",
            f"{a + 1}+\\frac{{\\pi}}{{{b}}}",
            f"{a}-\\frac{{\\pi}}{{{b}}}",
            f"{a}",
            f"{a + 3.14159 / b:.5f}",
        ],
    )


@kind
def euler(draw: random.Random) -> Case:
    a = draw.randint(2, 9)
    return Case(f"1-\\frac{{{a}}}{{e}}", [f"1-{a}e^{{-1}}", f"1-\\frac{{{a}}}{{\\mathrm{{e}}}}", f"\\frac{{e-{a}}}{{e}}", f"1-{a}\\mathrm{{e}}^{{-1}}"],
                [f"1+\\frac{{{a}}}{{e}}", f"1-{a}e", "1", f"1-{a}"])  # fmt: skip


@kind
def complex_number(draw: random.Random) -> Case:
    a, b = draw.randint(2, 9), draw.randint(11, 19)
    right = [
        f"{a}-{b}\\mathrm{{i}}",
        f"z = {a} - {b}i",
        f"-{b}i+{a}",
        f"{a} - i\\cdot {b}",
        f"{a}-{b}\\operatorname{{i}}",
        f"\\frac{{{2 * a}-{2 * b}i}}{{2}}",
    ]
    return Case(
        f"{a} - {b}i", right, [f"{a}+{b}i", f"{b}-{a}i", f"{a}", f"{a - b}", f"-{a}-{b}i", f"{a}-{b}", f"{a}-{b}x"]
    )


@kind
def polynomial(draw: random.Random) -> Case:
    a, b, c = draw.randint(2, 9), draw.randint(-9, -2), draw.randint(1, 9)
    gold = _line((a, "x^2"), (b, "x"), (c, ""))
    right = [_line((c, ""), (b, "x"), (a, "x^2")), f"f(x) = {gold}", f"y={gold}", f"x({a}x{b:+d}){c:+d}", f"{a}x\u00b2{b:+d}x{c:+d}", f"{a}x^{{2}} {b:+d}x {c:+d}",
             f"\\frac{{{2 * a}x^2{2 * b:+d}x{2 * c:+d}}}{{2}}", f"{a} \\cdot x^2 {b:+d} \\cdot x {c:+d}", f"{a}*x**2{b:+d}*x{c:+d}"]  # fmt: skip
    return Case(gold, right, [_line((a, "x^2"), (-b, "x"), (c, "")), _line((a, "x^3"), (b, "x"), (c, "")), _line((a, "x^2"), (b, "x"), (c + 1, "")),
                              _line((a, "y^2"), (b, "y"), (c, "")), f"{a + b + c}"])  # fmt: skip


@kind
def factored(draw: random.Random) -> Case:
    a, b = draw.randint(2, 9), draw.randint(11, 19)
    right = [
        f"(b+{b})(a+{a})",
        f"ab+{b}a+{a}b+{a * b}",
        f"\\left(a+{a}\\right)\\left({b}+b\\right)",
        f"(a + {a})*(b + {b})",
    ]
    return Case(
        f"(a+{a})(b+{b})", right, [f"(a+{b})(b+{a})", f"(a-{a})(b+{b})", f"(a+{a})+(b+{b})", f"(a+{a})(b+{b})^2"]
    )


@kind
def letters_under_roots(draw: random.Random) -> Case:
    a = draw.randint(2, 9)
    return Case(f"\\frac{{{a}}}{{\\sqrt{{n}}}}", [f"{a}\\sqrt{{\\frac1n}}", f"{a}n^{{-1/2}}", f"\\frac{{{a}\\sqrt{{n}}}}{{n}}"],
                [f"{a}\\sqrt{{n}}", f"\\frac{{\\sqrt{{n}}}}{{{a}}}", f"\\frac{{{a}}}{{n}}", f"\\sqrt{{\\frac{{{a}}}{{n}}}}"])  # fmt: skip


@kind
def logarithm(draw: random.Random) -> Case:
    a, b = draw.choice([(2, 3), (5, 7), (3, 10), (2, 7)])
    right = [
        f"\\ln({a})+\\ln({b})",
        f"\\ln {a} + \\ln {b}",
        f"\\ln({a * b})",
        f"\\log_{{e}} {a * b}",
        f"-\\ln\\frac{{1}}{{{a * b}}}",
    ]
    return Case(f"\\ln {a * b}", right, [f"\\ln {a + b}", f"\\ln {a}\\cdot\\ln {b}", f"\\log_2 {a * b}", f"{a * b}"])


@kind
def trigonometric(draw: random.Random) -> Case:
    a = draw.randint(2, 9)
    right = [
        f"{a}\\sin x\\cos x + 0",
        f"\\frac{{{a}}}{{2}}\\sin(2x)",
        f"{a}\\cos(x)\\sin(x)",
        f"\\frac{{{a}\\sin 2x}}{{2}}",
        f"\\frac{{{a}\\tan x}}{{1+\\tan^2 x}}",
    ]
    return Case(f"{a}\\sin x\\cos x", right, [f"{a}\\sin(2x)", f"{a}\\sin^2 x", f"{a}\\sin x", f"{a}\\sin x + \\cos x"])


@kind
def rounding(draw: random.Random) -> Case:
    a = draw.randint(2, 5)
    return Case(f"\\lfloor n/{a}\\rfloor", [f"\\left\\lfloor\\frac{{n}}{{{a}}}\\right\\rfloor", f"\\lfloor \\frac n{a} \\rfloor", f"\\lfloor\\tfrac{{n}}{{{a}}}\\rfloor"],
                [f"\\lceil n/{a}\\rceil", f"n/{a}", f"\\lfloor n/{a + 1}\\rfloor", f"\\lfloor n/{a}\\rfloor+1"])  # fmt: skip


@kind
def subscripts(draw: random.Random) -> Case:
    a = draw.randint(1, 9)
    return Case(f"E_1+{a}", [f"{a}+E_1", f"E_{{1}} + {a}"], [f"E_2+{a}", f"E_1+{a + 1}", f"E+{a}"])


@kind
def listing(draw: random.Random) -> Case:
    a, b, c = draw.sample(range(-20, 20), 3)
    right = [f"{c}, {a}, {b}", f"{a},{b},{c}", f"\\{{{b}, {c}, {a}\\}}", f"x={a}, x={b}, x={c}", f"{b}, {a}, \\text{{ and }} {c}", f"x = {a},{b},{c}",
             f"x = {a} \\text{{ or }} x = {b} \\text{{ or }} x={c}", f"{a} and {b} and {c}", f"{a};{b};{c}", f"x \\in \\{{{a},{b},{c}\\}}"]  # fmt: skip
    return Case(
        f"{a}, {b}, {c}",
        right,
        [f"{a}, {b}", f"{a},{b},{c},21", f"{a},{b},{c + 40}", f"{a}", f"{a},{a},{b}", f"{-a - 41},{b},{c}"],
    )


@kind
def plus_minus(draw: random.Random) -> Case:
    a, b = draw.randint(1, 9), draw.choice([2, 3, 5, 7])
    right = [f"{a}+\\sqrt{{{b}}}, {a}-\\sqrt{{{b}}}", f"\\{{{a}-\\sqrt{{{b}}}, {a}+\\sqrt{{{b}}}\\}}", f"x = {a} \\pm \\sqrt{{{b}}}", f"{a} \u00b1 \u221a{b}",
             f"x={a}+\\sqrt{b} \\text{{ or }} x={a}-\\sqrt{b}"]  # fmt: skip
    return Case(
        f"{a} \\pm \\sqrt{{{b}}}",
        right,
        [f"{a}+\\sqrt{{{b}}}", f"\\pm\\sqrt{{{b}}}", f"-{a} \\pm \\sqrt{{{b}}}", f"{a} \\pm \\sqrt{{{b + 1}}}", f"{a}"],
    )


@kind
def point(draw: random.Random) -> Case:
    a, b, c = draw.sample(range(-9, 10), 3)
    right = [f"({a},{b},{c})", f"\\left({a}, {b}, {c}\\right)", f"(x,y,z) = ({a},{b},{c})", f"\\left(\\frac{{{2 * a}}}{{2}},{b},{c}.0\\right)", f"(x_0,y_0,z_0)=({a},{b},{c})",
             f"x={a}, y={b}, z={c}"]  # fmt: skip
    return Case(
        f"({a}, {b}, {c})",
        right,
        [f"({b},{a},{c})", f"({a},{b})", f"({a},{b},{c + 20})", f"\\{{{a},{b},{c}\\}}", f"[{a},{b},{c}]", f"{a}"],
    )


@kind
def polar(draw: random.Random) -> Case:
    a, b = draw.randint(2, 9), draw.choice([3, 4, 5, 6])
    right = [
        f"({a}, \\pi/{b})",
        f"\\left({a},\\tfrac{{1}}{{{b}}}\\pi\\right)",
        f"(r,\\theta) = ({a}, \\frac{{\\pi}}{{{b}}})",
        f"({a}, \u03c0/{b})",
    ]
    wrong = [
        f"({a}, -\\frac{{\\pi}}{{{b}}})",
        f"(\\frac{{\\pi}}{{{b}}}, {a})",
        f"({a}, {180 // b}0)",
        f"({a}, \\frac{{{2 * b + 1}\\pi}}{{{b}}})",
    ]
    return Case(f"\\left( {a}, \\frac{{\\pi}}{{{b}}} \\right)", right, wrong)


@kind
def interval(draw: random.Random) -> Case:
    a = draw.randint(-9, 9)
    b = a + draw.randint(2, 9)
    right = [f"\\left({a}, {b}\\right]", f"{a} < x \\le {b}", f"x\\in ({a},{b}]", f"{b} \\ge x > {a}", f"\\{{x \\mid {a}<x\\le {b}\\}}", f"{a} < t <= {b}",
             f"x > {a} \\text{{ and }} x \\leq {b}", f"\\{{x \\in \\mathbb{{R}} : {a} < x \\leq {b}\\}}", f"({a};{b}]", f"{a} < x \u2264 {b}"]  # fmt: skip
    return Case(
        f"({a},{b}]",
        right,
        [
            f"({a},{b})",
            f"[{a},{b}]",
            f"[{a},{b})",
            f"{a} \\le x < {b}",
            f"({a},{b + 1}]",
            f"x \\le {b}",
            f"({-a - 30},{b}]",
            f"{a}, {b}",
        ],
    )


@kind
def ray(draw: random.Random) -> Case:
    a = draw.randint(-9, 9)
    right = [
        f"({a},+\\infty)",
        f"x > {a}",
        f"{a} < x",
        f"x\\in({a},\\infty)",
        f"({a}, \u221e)",
        f"\\{{x: x>{a}\\}}",
        f"{2 * a} < 2x",
    ]
    return Case(
        f"({a},\\infty)",
        right,
        [
            f"[{a},\\infty)",
            f"x \\ge {a}",
            f"x < {a}",
            f"(-\\infty,{a})",
            f"({a + 1},\\infty)",
            f"{a}",
            f"({a}, {a + 7})",
        ],
    )


@kind
def union(draw: random.Random) -> Case:
    a = draw.randint(-9, 9)
    b = a + draw.randint(2, 9)
    right = [f"({b},\\infty)\\cup(-\\infty,{a})", f"x < {a} \\text{{ or }} x > {b}", f"x\\in(-\\infty,{a})\\cup({b},+\\infty)", f"x>{b} or x<{a}", f"(-\u221e, {a}) \u222a ({b}, \u221e)",
             f"\\{{x \\mid x<{a} \\text{{ or }} x>{b}\\}}", f"\\mathbb{{R}} \\setminus [{a},{b}]"]  # fmt: skip
    return Case(f"(-\\infty,{a}) \\cup ({b},\\infty)", right, [f"(-\\infty,{a}] \\cup [{b},\\infty)", f"({a},{b})", f"(-\\infty,{a})", f"x \\le {a} \\text{{ or }} x > {b}",
                                                               f"(-\\infty,{a}) \\cap ({b},\\infty)", "(-\\infty,\\infty)", f"{a} < x < {b}"])  # fmt: skip


@kind
def hole(draw: random.Random) -> Case:
    a = draw.randint(0, 5)
    b, c = a + draw.randint(1, 5), a + draw.randint(7, 12)
    right = [
        f"{a} < x < {c}, x \\ne {b}",
        f"x\\in({a},{b})\\cup({b},{c})",
        f"({a},{c}) \\setminus \\{{{b}\\}}",
        f"({b},{c})\\cup({a},{b})",
    ]
    return Case(
        f"({a},{b}) \\cup ({b},{c})",
        right,
        [f"({a},{c})", f"({a},{b}] \\cup [{b},{c})", f"({a},{b}) \\cap ({b},{c})", f"({a},{b})"],
    )


@kind
def everything_and_nothing(draw: random.Random) -> Case:
    if draw.random() < 0.5:
        return Case(
            "(-\\infty,\\infty)",
            ["\\mathbb{R}", "x \\in \\mathbb{R}", "(-\\infty, +\\infty)", "\\text{all real numbers}"],
            ["(0,\\infty)", "\\emptyset", "0"],
        )
    return Case("\\emptyset", ["\\varnothing", "\\{\\}", "\\text{the empty set}"], ["0", "\\mathbb{R}", "\\{0\\}"])


@kind
def unequal(draw: random.Random) -> Case:
    a = draw.randint(1, 9)
    return Case(
        f"a\\neq {a}", [f"{a}\\neq a", f"a \\ne {a}", f"a\u2260{a}"], [f"a\\neq {a + 1}", f"a={a}", f"a > {a}", f"{a}"]
    )


@kind
def matrix(draw: random.Random) -> Case:
    a, b, c, d = draw.sample(range(1, 20), 4)
    gold = f"\\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} \\end{{pmatrix}}"
    right = [gold.replace("pmatrix", "bmatrix"), f"\\begin{{pmatrix}}{a}&{b}\\\\[4pt]{c}&{d}\\end{{pmatrix}}", f"A = {gold}", f"\\frac12\\begin{{pmatrix}}{2 * a}&{2 * b}\\\\{2 * c}&{2 * d}\\end{{pmatrix}}",
             f"-\\begin{{pmatrix}}-{a}&-{b}\\\\-{c}&-{d}\\end{{pmatrix}}", f"\\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} \\\\ \\end{{pmatrix}}",
             f"\\left[\\begin{{array}}{{cc}}{a}&{b}\\\\{c}&{d}\\end{{array}}\\right]"]  # fmt: skip
    wrong = [(a, c, b, d), (a, b, c, d + 1), (b, a, d, c), (-a, b, c, d)]
    return Case(
        gold,
        right,
        [f"\\begin{{pmatrix}} {w} & {x} \\\\ {y} & {z} \\end{{pmatrix}}" for w, x, y, z in wrong]
        + [f"\\begin{{pmatrix}} {a} & {b} \\end{{pmatrix}}", str(a * d - b * c)],
    )


@kind
def vector(draw: random.Random) -> Case:
    a, b, c = draw.sample(range(1, 20), 3)
    gold = f"\\begin{{pmatrix}} {a}/23 \\\\ {b}/23 \\\\ {c}/23 \\end{{pmatrix}}"
    inner = f"\\frac{{{a}}}{{23}}, \\frac{{{b}}}{{23}}, \\frac{{{c}}}{{23}}"
    right = [f"\\left({inner}\\right)", f"\\mathbf{{v}} = {gold}", f"\\frac{{1}}{{23}}\\begin{{pmatrix}}{a}\\\\{b}\\\\{c}\\end{{pmatrix}}", f"\\langle {inner} \\rangle",
             f"\\begin{{bmatrix}}\\frac{{{a}}}{{23}}\\\\[4pt]\\frac{{{b}}}{{23}}\\\\\\frac{{{c}}}{{23}}\\end{{bmatrix}}"]  # fmt: skip
    return Case(gold, right, [f"\\begin{{pmatrix}}{a}\\\\{b}\\\\{c}\\end{{pmatrix}}", f"\\begin{{pmatrix}} -{a}/23 \\\\ {b}/23 \\\\ {c}/23 \\end{{pmatrix}}",
                              f"\\left(\\frac{{{b}}}{{23}}, \\frac{{{a}}}{{23}}, \\frac{{{c}}}{{23}}\\right)"])  # fmt: skip


@kind
def line(draw: random.Random) -> Case:
    a, b = draw.randint(2, 9), draw.choice([-7, -5, -3, 3, 5, 7])
    right = [
        f"{a}x{b:+d}",
        f"y-{a}x={b}",
        f"{a}x-y{b:+d}=0",
        f"{2 * a}x-2y{2 * b:+d}=0",
        f"y={b}+{a}x",
        f"f(x)={a}x{b:+d}",
    ]
    return Case(
        f"y = {a}x {b:+d}",
        right,
        [f"y={a + 1}x{b:+d}", f"x={a}y{b:+d}", f"y={a}x{-b:+d}", f"y={-a}x{b:+d}", f"{a}", f"{a}x+y{b:+d}=0"],
    )


@kind
def plane(draw: random.Random) -> Case:
    a, b, c, d = draw.randint(2, 9), draw.randint(2, 9), draw.randint(2, 9), draw.randint(2, 9)
    right = [
        f"{a}x-{b}y+{c}z=-{d}",
        f"-{a}x+{b}y-{c}z-{d}=0",
        f"{2 * a}x-{2 * b}y+{2 * c}z+{2 * d}=0",
        f"{a}x+{c}z+{d}={b}y",
        f"0={a}x-{b}y+{c}z+{d}",
    ]
    return Case(
        f"{a}x - {b}y + {c}z + {d} = 0",
        right,
        [f"{a}x-{b}y+{c}z-{d}=0", f"{a}x+{b}y+{c}z+{d}=0", f"{a}x-{b}y+{c}z+{d}=1", f"{a + 1}x-{b}y+{c}z+{d}=0"],
    )


@kind
def unreal_equation(draw: random.Random) -> Case:
    a, b = draw.randint(2, 9), draw.randint(11, 30)
    right = [f"{2 * a}x^2+{2 * b}=0", f"{a}x^2=-{b}", f"-{a}x^2-{b}=0", f"{b}+{a}x^2=0"]
    return Case(
        f"{a}x^2+{b}=0",
        right,
        [
            f"{a}x^2+{b + 1}=0",
            f"{a}x^2+{b}=1",
            f"{a}x^4+{b}=0",
            f"{a}x^2+y^2+{b}=0",
            f"{a}x^2-{b}=0",
            f"{a}x^2+x+{b}=0",
        ],
    )


@kind
def circle(draw: random.Random) -> Case:
    a, b, r = draw.randint(2, 9), draw.randint(2, 9), draw.randint(2, 9)
    right = [
        f"x^2+y^2-{2 * a}x+{2 * b}y+{a * a + b * b - r * r}=0".replace("+-", "-"),
        f"(y+{b})^2+(x-{a})^2={r}^2",
        f"\\frac{{(x-{a})^2}}{{{r * r}}}+\\frac{{(y+{b})^2}}{{{r * r}}}=1",
    ]
    return Case(
        f"(x-{a})^2+(y+{b})^2={r * r}",
        right,
        [
            f"(x+{a})^2+(y-{b})^2={r * r}",
            f"(x-{a})^2+(y+{b})^2={r}" if r > 1 else "x=1",
            f"(x-{a})^2-(y+{b})^2={r * r}",
        ],
    )


@kind
def base(draw: random.Random) -> Case:
    a, n = draw.randint(10, 66), draw.choice([7, 8, 9])
    digits = f"{a // 7 % 7 + 1}{a % 7}"
    word = {7: "seven", 8: "eight", 9: "nine"}[n]
    right = [
        f"{digits}_{{{n}}}",
        f"({digits})_{n}",
        f"{digits}_{{\\text{{{word}}}}}",
        f"{digits} \\text{{ in base }} {n}",
        f"{digits}",
        f"{digits} \\text{{ (base {n})}}",
        f"{digits}\u2088" if n == 8 else f"{digits}_{n}",
    ]
    return Case(
        f"{digits}_{n}",
        right,
        [f"{int(digits) + 1}_{n}", f"{digits}0_{n}", f"{int(digits[0]) + 1}{digits[1]}_{n}", f"{digits}_{{{n - 2}}}"],
    )


@kind
def choice(draw: random.Random) -> Case:
    letter, other = draw.sample("ABCDE", 2)
    n = draw.randint(2, 30)
    gold = draw.choice(
        [f"\\text{{({letter})}}", letter, f"({letter})", f"\\textbf{{({letter})}}", f"{letter}. {n}", f"({letter}) {n}"]
    )
    right = [letter, f"({letter})", f"({letter}) {n}", f"{letter}) {n}", f"\\text{{({letter}) }} {n}", f"{letter}: {n}", f"Choice {letter}", f"\\textbf{{({letter})}}",
             f"{letter}.", f"Option {letter}", f"\\textbf{{({letter})}}\\ {n}"]  # fmt: skip
    return Case(
        gold,
        right,
        [
            other,
            f"({other}) {n}",
            f"({other})",
            f"Choice {other}",
            letter.lower(),
            f"{letter}, {other}",
            f"not {letter}",
        ],
    )


NAMES = ["Evelyn", "Navin", "Debra", "Carla", "Briana"]


@kind
def name(draw: random.Random) -> Case:
    who, other = draw.sample(NAMES, 2)
    right = [
        who,
        f"\\text{{{who}}}",
        f"{who} has the greatest average speed",
        f"\\text{{{who} (with 56)}}",
        who.lower(),
        f"\\textbf{{{who}}}",
        f"The answer is {who}",
        f"{who} is the oldest",
    ]
    return Case(
        f"\\text{{{who}}}",
        right,
        [
            other,
            f"{who} and {other}",
            f"not {who}",
            f"{who} or {other}",
            "18",
            f"{other} has the greatest average speed",
            f"neither {who} nor {other}",
            f"{who} is wrong",
        ],
    )


@kind
def words(draw: random.Random) -> Case:
    gold, other = draw.choice(
        [("even", "odd"), ("ellipse", "circle"), ("east", "west"), ("obtuse", "acute"), ("Yes", "No")]
    )
    right = [
        gold,
        gold.lower(),
        f"f(x) \\text{{ is {gold}}}",
        f"\\mathrm{{{gold}}}",
        f"\\textit{{{gold}}}",
        f"It is {gold}",
    ]
    return Case(
        f"\\text{{{gold}}}",
        right,
        [other, f"not {gold}", "neither", f"{gold} and {other}", f"It is not {gold}", f"It is {other}"],
    )


@kind
def time(draw: random.Random) -> Case:
    hour, minute = draw.randint(1, 9), draw.randint(10, 59)
    right = [
        f"{hour}:{minute}",
        f"0{hour}:{minute}",
        f"{hour}\\!:\\!{minute}\\text{{ p.m.}}",
        f"{hour}:{minute} PM",
        f"{hour}:{minute}\\text{{ pm}}",
    ]
    return Case(
        f"{hour}\\!:\\!{minute} \\text{{ p.m.}}",
        right,
        [f"{hour}:{minute - 1} pm", f"{hour + 1}:{minute}", f"{hour}:{minute} a.m.", f"{hour}.{minute}", f"{hour}"],
    )


@kind
def ratio(draw: random.Random) -> Case:
    a, b = draw.choice([(2, 3), (5, 7), (3, 11), (4, 9)])
    return Case(
        f"{a}:{b}",
        [f"{a} : {b}", f"{a}\\!:\\!{b}", f"{a}\\colon {b}"],
        [f"{b}:{a}", f"{a}:{b + 1}", f"{a}", f"{a}:{b}:1"],
    )
