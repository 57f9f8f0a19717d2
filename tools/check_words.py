"""Refuse private wording and British spelling in what people read: docstrings, comments, messages, tests' names, pages.

    python tools/check_words.py             # as `make check` does; exit 1 and a line for each finding
    python tools/check_words.py src/netwright/core docs/report.md

Read are comments and texts of Python files (a text without a space is a name, not prose), and Markdown outside of code.
A line that must keep its words, such as a quotation, ends with `words: ok` in a comment.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "tools", "benchmarks", "examples", "docs", "README.md", "CHANGELOG.md")
EXEMPT = "words: ok"

INSTEAD = {
    r"\bwhoever\b": "name the user, caller or process",
    r"\bnobody\b": "no user, no one",
    r"\bwho (answers|decides|plays|learns|knows|asks|is asked|writes|reads)\b": "name the role: policy, teacher, ..",
    r"\bthat bears?\b|\bbears? (the|a|no|its|noise)\b": "has, is robust to",
    r"\bmend(s|ed|ing)?\b": "correct, fix",
    r"\bminds?\b": "cares about, is sensitive to",
    r"\b(is|are|was|were) told\b(?! apart)": "is given, receives",
    r"\b(goes|go|went|going|gone) on\b(?! (a|an|the|one|several)\b)": "continue(s)",
    r"\b(comes|come|came|coming) along\b": "is included",
    r"\bcomes? (about|to pass)\b": "happens",
    r"\bbe it that\b|\blest\b|\bthereof\b|\bwhereof\b|\bbeside(s)? whom\b": "if, so that .. not, of it",
    r"\bafresh\b|\banew\b": "again",
    r"\bwork(s|ed|ing)? out\b": "compute(s), derive(s)",
    r"\bat work on\b|\bat fault\b": "using, wrong",
    r"\bhair's breadth\b|\bfind their feet\b|\bno rival\b": "say it plainly",
    r"\bworth its\b|\bin vain\b|\bby and by\b|\bnow and then\b|\bhenceforth\b|\bhitherto\b": "say it plainly",
    r"\bheld against\b|\bhold against\b|\bholds against\b": "compared with",
    r"\bseldom\b|\bscarce(ly)?\b": "rarely, hardly",
    r"\bnought\b|\baught\b|\bupon\b|\bamidst\b": "zero, on",
    r"\bknobs?\b": "parameter(s)",
    r"\boutlooks?\b": "posterior sample",
    r"\btowers?\b": "decoder",
    r"\blessons?\b": "imitation targets",
    r"\bdials?\b": "conditioning sweep",
    r"\bsquash(ed|es|ing)?\b": "compress",
    r"\blearnt\b": "learned",
    r"\bspelt\b|\bburnt\b|\bdreamt\b|\bleapt\b": "spelled, burned, ..",
    r"\bwhilst\b|\bamongst\b": "while, among",
    r"\b(behaviou?r|colou?r|neighbou?r|favou?r|hono(u)?r|labou?r|harbou?r|rumou?r|vigou?r|humou?r)\b(?<=our)|"
    r"\b\w*(behaviour|colour|neighbour|favour|honour|labour|harbour|endeavour)\w*": "American: -or",
    r"\b(\w*[a-z])(ptimis|inimis|aximis|ormalis|rganis|tilis|nitialis|erialis|ecognis|ectoris|uantis|egularis|"
    r"eneralis|ummaris|enalis|iscretis|arametris|andomis|tandardis|iscretis|pecialis|entralis|ynchronis|ategoris|"
    r"isualis|rioritis|inearis|ustomis|uthoris|ealis|inalis|oncis|actoris|arallelis|mphasis|okenis|enchmarkis)"
    r"(e|es|ed|er|ers|ing|ation|ations|able)\b": "American: -ize",
    r"\b(ptimis|inimis|aximis|ormalis|optimis|minimis|maximis|normalis|organis|utilis|initialis|realis|finalis)"
    r"(e|es|ed|er|ers|ing|ation|ations|able)\b": "American: -ize",
    r"\b(synthesis|hypothesis|analys|catalys|paralys)(e|ed|er|ers|ing)\b": "American: -ize, -yze",
    r"\bcentr(e|es|ed|ing)\b|\brecentr(e|es|ed|ing)\b|\b(kilo|milli|centi)?metres?\b|\btheatres?\b|\bfibres?\b": (
        "American: -er"
    ),
    r"\blicence(s|d)?\b|\bdefences?\b|\boffences?\b|\bpretences?\b": "American: license, -ense",
    r"\bgrey\w*\b": "gray",
    r"\b(model|label|travel|cancel|channel|level|signal|total|tunnel|equal|fuel|initial|parcel|marvel|"
    r"quarrel)l(ed|ing|er|ers)\b": "American: one l",
    r"\bartefacts?\b": "artifact",
    r"\bprogrammes?\b": "program",
    r"\b(judg|acknowledg)ement(s)?\b": "judgment, acknowledgment",
    r"\bfulfil\b|\benrol\b|\bskilful\b|\bwilful\b": "American: two l",
    r"\bcheques?\b|\btyres?\b|\bploughs?\b|\bmoulds?\b|\bsceptic\w*\b|\bdialogs? box\b": "American spelling",
}
PATTERNS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in INSTEAD.items()]


def findings(line: str) -> Iterator[tuple[str, str]]:
    """The words of a line that are refused, each with what to write."""
    for pattern, instead in PATTERNS:
        for match in pattern.finditer(line):
            yield match.group(), instead


def prose_of_python(source: str) -> Iterator[tuple[int, str]]:
    """Numbered lines of comments and texts; f-strings without their expressions; names of tests as words."""
    kept = {n for n, line in enumerate(source.splitlines(), start=1) if EXEMPT in line}
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        prose = token.type in kinds and (
            token.type == tokenize.COMMENT or " " in token.string.strip("rbfRBF\"' ")
        )
        if token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " ")
        elif prose:
            text = re.sub(r"\{[^{}]*\}", "{}", token.string) if token.string[:1] in "fF" else token.string
            for offset, line in enumerate(text.split("\n")):
                if token.start[0] + offset not in kept:
                    yield token.start[0] + offset, line


def prose_of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines outside of fenced blocks, without `code`."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and EXEMPT not in line:
            yield number, re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", " ", line)


def files(places: list[str]) -> Iterator[Path]:
    """Python and Markdown files in or at these places."""
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])
        for file in found:
            if file != Path(__file__):
                yield file


def main(places: list[str]) -> int:
    """Print each finding; 1 if there is one."""
    wrong = 0
    read = 0
    for file in files(places or [place for place in FOLDERS if (ROOT / place).exists()]):
        text = file.read_text(encoding="utf-8")
        read += 1
        prose = prose_of_markdown(text) if file.suffix == ".md" else prose_of_python(text)
        for number, line in prose:
            for words, instead in findings(line):
                print(f"{file.relative_to(ROOT)}:{number}: {words!r}: write {instead}")
                wrong += 1
    if not wrong:
        print(f"{read} files: no word of the list")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
