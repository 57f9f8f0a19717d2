"""DOT (graphviz.org/doc/info/lang.html), as written by YATES and graphviz: nodes, links, and attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from netwright.core.errors import DataError
from netwright.wan.importing.raw import RawGraph, RawLink, RawNode
from netwright.wan.importing.text import MAX_TOKENS, decoded, too_long

_TOKEN = re.compile(
    r"""\s*(?:(?P<skip>//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>->|--|[{}\[\]=;,:])"""
    r"""|(?P<word>-?(?:\.\d+|\d+(?:\.\d*)?)|[^\W\d]\w*))""",
    re.DOTALL,
)
_FIRST = ("strict", "graph", "digraph")
MAX_DEPTH = 50

Attributes = dict[str, object]


class _Token(NamedTuple):
    text: str
    line: int
    word: bool  # a name or a value, not punctuation


@dataclass(slots=True)
class _Scope:
    """Default attributes of nodes and links."""

    node: Attributes = field(default_factory=dict)
    edge: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class _Graph:
    name: str = ""
    directed: bool = False
    nodes: dict[str, Attributes] = field(default_factory=dict)
    links: list[RawLink] = field(default_factory=list)
    facts: Attributes = field(default_factory=dict)


def parse_dot(content: bytes, name: str, source: str) -> RawGraph:
    """The network of a DOT file; subgraphs only group nodes.

    Raises:
        DataError: the file is malformed, or a link ends at a whole subgraph.
    """
    found = _Parser(_tokens(decoded(content, source), source), source).graph()
    hosts = [node for node, facts in found.nodes.items() if facts.get("type") == "host"]
    notes = (f"{len(hosts)} nodes are hosts, where demands enter (--drop-stubs drops them)",) if hosts else ()
    return RawGraph(
        found.name or name, "DOT", source,
        tuple(RawNode(node, facts) for node, facts in found.nodes.items()),
        tuple(found.links), found.directed,
        unread=tuple(f"graph.{key}" for key in found.facts), notes=notes,
    )  # fmt: skip


def _tokens(text: str, source: str) -> list[_Token]:
    found: list[_Token] = []
    at, end, line = 0, len(text.rstrip()), 1
    while at < end:
        if len(found) > MAX_TOKENS:
            raise too_long(source)
        match = _TOKEN.match(text, at)
        if not match:
            line += text.count("\n", at, at + len(text[at:]) - len(text[at:].lstrip()))
            raise DataError(f"{source}: line {line}: not DOT at {text[at:].lstrip()[:20]!r}; check the file.")
        after, kind = match.end(), match.lastgroup or ""
        line += text.count("\n", at, after)
        at = after
        if kind == "quoted":
            plain = re.sub(r'\\(["\\])', r"\1", match[kind][1:-1].replace("\\\n", ""))
            found.append(_Token(plain, line, True))
        elif kind != "skip":
            found.append(_Token(match[kind], line, kind == "word"))
        if len(found) == 1 and found[0].text.lower() not in _FIRST:  # before a long file is cut into tokens
            raise DataError(f"{source}: line {line}: expected `graph` or `digraph`; correct the DOT file.")
    return found


class _Parser:
    """A recursive descent parser; each method reads the construct in its name."""

    def __init__(self, tokens: Sequence[_Token], source: str) -> None:
        self.tokens, self.source, self.at = tokens, source, 0
        self.found = _Graph()

    def graph(self) -> _Graph:
        """The single graph of the file."""
        self._optional("strict")
        kind = self._next().text.lower()
        if kind not in ("graph", "digraph"):
            raise self._error("expected `graph` or `digraph`")
        self.found.directed = kind == "digraph"
        if self._peek() != "{":
            self.found.name = self._name()
        self._expect("{")
        self._statements(_Scope(), 1)
        if self.at < len(self.tokens):
            raise self._error("more than one graph")
        return self.found

    def _statements(self, scope: _Scope, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error("subgraphs are nested too deep")
        while self._peek() != "}":
            self._statement(scope, depth)
            self._optional(";")
        self._expect("}")

    def _statement(self, scope: _Scope, depth: int) -> None:
        if self._peek() == "{" or (self._peek().lower() == "subgraph" and self.tokens[self.at].word):
            self._subgraph(scope, depth)
            return
        name = self._name()
        if name.lower() in ("graph", "node", "edge") and self._peek() == "[":
            facts = self._attributes()
            {"node": scope.node, "edge": scope.edge, "graph": self.found.facts}[name.lower()].update(facts)
        elif self._optional("="):
            self.found.facts[name] = self._name()
        else:
            self._nodes_or_links(name, scope)

    def _subgraph(self, scope: _Scope, depth: int) -> None:
        if self._optional("subgraph") and self._peek() != "{":
            self._name()
        self._expect("{")
        self._statements(_Scope(dict(scope.node), dict(scope.edge)), depth + 1)
        if self._peek() in ("->", "--"):
            raise self._error("a link from a whole subgraph; write a link for each of its nodes")

    def _nodes_or_links(self, first: str, scope: _Scope) -> None:
        chain = [self._end(first)]
        line = self.tokens[self.at - 1].line
        while (mark := self._peek()) in ("->", "--"):
            if (mark == "->") != self.found.directed:
                raise self._error(f"`{mark}` does not go with this kind of graph")
            self.at += 1
            if self._peek() == "{":
                raise self._error("a link to a whole subgraph; write a link for each of its nodes")
            chain.append(self._end(self._name()))
        facts = self._attributes() if self._peek() == "[" else {}
        for name in chain:
            self.found.nodes.setdefault(name, dict(scope.node))
        if len(chain) == 1:
            self.found.nodes[first].update(facts)
        facts = {**scope.edge, **facts}
        self._link(chain, {**scope.edge, **facts}, line)

    def _link(self, chain: Sequence[str], facts: Attributes, line: int) -> None:
        """One link per edge of a chain; `dir` gives its direction."""
        drawn = str(facts.pop("dir", "")).lower()
        steps = pairwise(reversed(chain)) if drawn == "back" else pairwise(chain)
        place = f"line {line}"
        self.found.links += [RawLink(a, b, facts, place, _WAYS.get(drawn)) for a, b in steps]

    def _end(self, name: str) -> str:
        """A node's name; skips an optional port."""
        while self._optional(":"):
            self._name()
        return name

    def _attributes(self) -> Attributes:
        found: Attributes = {}
        while self._optional("["):
            while not self._optional("]"):
                name = self._name()
                if name in found:
                    raise self._error(f"{name!r} is given twice in one list of attributes")
                found[name] = self._name() if self._optional("=") else "true"
                while self._peek() in (",", ";"):
                    self.at += 1
        return found

    def _peek(self) -> str:
        """The next token that is punctuation or a word; quoted text counts as a word."""
        if self.at >= len(self.tokens):
            raise DataError(f"{self.source}: ends within its graph; the file is cut short.")
        token = self.tokens[self.at]
        return "" if token.word and token.text in _MARKS else token.text

    def _next(self) -> _Token:
        self._peek()
        self.at += 1
        return self.tokens[self.at - 1]

    def _name(self) -> str:
        token = self._next()
        if not token.word:
            raise self._error(f"expected a name or a value and not {token.text!r}")
        return token.text

    def _optional(self, text: str) -> bool:
        met = self.at < len(self.tokens) and self._peek().lower() == text
        self.at += met
        return met

    def _expect(self, text: str) -> None:
        if not self._optional(text):
            raise self._error(f"expected {text!r}")

    def _error(self, what: str) -> DataError:
        line = self.tokens[min(max(self.at - 1, 0), len(self.tokens) - 1)].line if self.tokens else 1
        return DataError(f"{self.source}: line {line}: {what}; correct the DOT file.")


_WAYS = {"both": False, "none": False, "forward": True}
_MARKS = frozenset(("->", "--", "{", "}", "[", "]", "=", ";", ",", ":"))
