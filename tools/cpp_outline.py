"""What a C++ file defines, by its tokens alone: classes with their methods and members, functions with their lengths, and where its
comments stand.

No compiler is asked, so that the rules run in a second and need nothing installed. It understands the C++ that this project
writes, and not the preprocessor: a macro call that stands where a declaration could is read as one.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"""
      (?P<blank> \s+ | //[^\n]* | /\*.*?\*/ | \#(?:\\.|[^\n\\])* )
    | (?P<text> R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)" | (?:u8|[uUL])?"(?:\\.|[^"\\])*" | (?:u8|[uUL])?'(?:\\.|[^'\\])+' )
    | (?P<number> \.?\d (?:[eEpP][+-]|'\w|[\w.])* )
    | (?P<word> [A-Za-z_]\w* )
    | (?P<sign> :: | -> | \[\[ | \]\] | . )
    """, re.VERBOSE | re.DOTALL)

OPENING = {"(": ")", "{": "}", "[": "]", "[[": "]]"}
NO_MEMBER = {"using", "typedef", "static_assert", "friend", "static", "extern"}
TAKES_PARENTHESES = {"decltype", "alignas", "noexcept", "explicit", "requires", "__attribute__"}


@dataclass(frozen=True)
class Token:
    kind: str  # text, number, word, sign
    text: str
    line: int


@dataclass
class Class:
    name: str
    line: int
    methods: list = field(default_factory=list)
    members: list = field(default_factory=list)


@dataclass(frozen=True)
class Function:
    name: str  # with its class, and the namespaces that stand around it
    of: str  # its class, where it is defined outside of it
    line: int
    lines: int


@dataclass
class Outline:
    classes: list = field(default_factory=list)
    functions: list = field(default_factory=list)


def tokens_of(source):
    out, line = [], 1
    for found in TOKEN.finditer(source):
        if found.lastgroup != "blank" and found["blank"] is None:
            kind = next(kind for kind in ("text", "number", "word", "sign") if found[kind] is not None)
            out.append(Token(kind, found[0], line))
        line += found[0].count("\n")
    return out


def trailing_comments(source):
    """The lines with a comment after code, except comments for the end of a namespace and for clang-tidy."""
    line, last = 1, 0
    for found in TOKEN.finditer(source):
        if found["blank"] is None:
            last = line + found[0].count("\n")
        elif found[0].startswith("//") and last == line and not re.match(r"// (namespace\b|NOLINT)", found[0]):
            yield line
        line += found[0].count("\n")


def outline_of(source):
    reader = Reader(tokens_of(source))
    reader.scope([], None)
    return reader.outline


class Reader:
    def __init__(self, tokens):
        self.tokens, self.at, self.outline = tokens, 0, Outline()

    def text(self, ahead=0):
        place = self.at + ahead
        return self.tokens[place].text if 0 <= place < len(self.tokens) else ""

    def skip_group(self):
        """From an opening sign to the one after its closing sign."""
        closing = []
        while self.at < len(self.tokens):
            text = self.text()
            self.at += 1
            if text in OPENING:
                closing.append(OPENING[text])
            elif text == "]]" and closing[-2:] == ["]", "]"]:  # of a[b[0]]
                del closing[-2:]
            elif closing and text == closing[-1]:
                closing.pop()
            if not closing:
                return

    def scope(self, names, owner):
        """The declarations up to the brace that ends a file, a namespace (owner None) or a class."""
        while self.at < len(self.tokens):
            if self.text() == "}":
                self.at += 1
                return
            if self.text() == ";":
                self.at += 1
            elif self.text() in ("public", "private", "protected") and self.text(1) == ":":
                self.at += 2
            else:
                Declaration(self, names, owner).read()


class Declaration:
    """One of them: read() leaves the reader after its semicolon or closing brace."""

    def __init__(self, reader, names, owner):
        self.reader, self.names, self.owner = reader, names, owner
        self.first = reader.at
        self.heads = []  # places of the tokens outside of any group and any template arguments
        self.angles = 0
        self.commas = 0
        self.called = None  # place of the parameters' parenthesis
        self.assigned = None
        self.initializers = False
        self.pointer = ""  # to a function: its name

    def words(self):
        return [self.reader.tokens[place].text for place in self.heads]

    def read(self):
        reader = self.reader
        while reader.at < len(reader.tokens):
            token = reader.tokens[reader.at]
            if token.text == ";" or (token.text == "}" and not self.angles):
                break
            if token.text != "{" or self.angles:
                self.step(token)
            elif self.brace():
                return
        else:
            return
        if reader.text() == ";":
            self.declared()
            reader.at += 1

    def step(self, token):
        """One token, or a group of them, that doesn't end the declaration."""
        reader, previous = self.reader, self.reader.text(-1) if self.reader.at > self.first else ""
        if token.text in OPENING:
            if token.text == "(" and not self.angles and self.called is None and self.assigned is None:
                if reader.text(1) == "*":
                    self.pointer = self.pointer or reader.text(2)
                elif not self.pointer:
                    self.called = reader.at
            return reader.skip_group()
        if self.assigned is None and not (self.called is not None and self.initializers):
            if token.text == "<" and reader.tokens[reader.at - 1].kind == "word":
                self.angles += 1
            elif token.text == ">" and self.angles:
                self.angles -= 1
                reader.at += 1
                return None
        if not self.angles:
            self.heads.append(reader.at)
            if token.text == "=":
                self.assigned = self.assigned or reader.at
            elif token.text == "," and self.called is None:
                self.commas += 1
            elif token.text == ":" and self.called is not None:
                self.initializers = True
        reader.at += 1
        if token.text == "operator":
            self.operator_name()
        elif token.text in TAKES_PARENTHESES and reader.text() == "(" and self.called is None:
            reader.skip_group()
        elif previous == "" and token.text == "template" and reader.text() == "<":
            self.angles += 1
            reader.at += 1
        return None

    def operator_name(self):
        reader = self.reader
        if reader.text() == "(" and reader.text(1) == ")":
            reader.at += 2
        while reader.at < len(reader.tokens) and reader.tokens[reader.at].kind == "sign" and reader.text() != "(":
            reader.at += 1

    def brace(self):
        """An opening brace outside of all else: whether it began what ends the declaration."""
        reader, words = self.reader, self.words()
        if words[:1] == ["namespace"] or words[:2] == ["inline", "namespace"]:
            reader.at += 1
            name = [w for w in words if w not in ("namespace", "inline", "::")]
            reader.scope([*self.names, *(name or ["(unnamed)"])], None)
            return True
        if words[:1] == ["extern"] and self.called is None and self.assigned is None:
            reader.at += 1
            reader.scope(self.names, None)
            return True
        if "enum" in words and self.called is None:
            reader.skip_group()
            return False
        if self.called is None and self.assigned is None and (name := self.class_name(words)) is not None:
            made = Class("::".join([*self.names, name]), reader.tokens[self.first].line)
            self.reader.outline.classes.append(made)
            reader.at += 1
            reader.scope([*self.names, name], made)
            self.heads = []  # what may follow is a member of this type
            return False
        before = reader.tokens[reader.at - 1]
        initializer = self.initializers and (before.kind == "word" or before.text == ">")
        if self.called is None or self.assigned is not None or initializer:
            reader.skip_group()
            return False
        reader.skip_group()
        self.defined(reader.tokens[reader.at - 1].line)
        return True

    @staticmethod
    def class_name(words):
        """Of "struct NAME final : BASES"; None for "struct stat found", which is a variable."""
        keys = [place for place, word in enumerate(words) if word in ("class", "struct", "union")]
        if not keys:
            return None
        head = words[keys[0] + 1:]
        head = [w for w in (head[:head.index(":")] if ":" in head else head) if w != "final"]
        name = [w for w in head if w != "::"]
        return "::".join(name) if len(head) == max(2 * len(name) - 1, 0) else None

    def function_name(self):
        """(qualifiers, name) before the parameters."""
        tokens, place = self.reader.tokens, self.called - 1
        heads = [place for place in self.heads if place < self.called]
        if any(tokens[place].text == "operator" for place in heads):
            place = next(place for place in heads if tokens[place].text == "operator")
            name = "operator" + "".join(token.text for token in tokens[place + 1:self.called])
        else:
            if not heads:
                return [], ""
            place = heads[-1]
            name = tokens[place].text
            if place - 1 in heads and tokens[place - 1].text == "~":
                place -= 1
                name = "~" + name
        qualifiers = []
        heads = [head for head in heads if head < place]
        while len(heads) >= 2 and tokens[heads[-1]].text == "::" and tokens[heads[-2]].kind == "word":
            qualifiers.insert(0, tokens[heads[-2]].text)
            del heads[-2:]
        return qualifiers, name

    def defined(self, last_line):
        qualifiers, name = self.function_name()
        line = self.reader.tokens[self.first].line
        self.reader.outline.functions.append(Function(
            "::".join([*self.names, *qualifiers, name]), "::".join([*self.names, *qualifiers]) if qualifiers else "", line,
            last_line - line + 1))
        if self.owner and "friend" not in self.words():
            self.owner.methods.append(name)

    def declared(self):
        """It ended with a semicolon."""
        words = self.words()
        if not self.owner or not words or NO_MEMBER & set(words) - ({"static"} if self.called is not None else set()):
            return
        if self.called is not None:
            if words[-2:] not in (["=", "default"], ["=", "delete"]):
                self.owner.methods.append(self.function_name()[1])
        elif self.class_name(words) is None and words[0] != "enum":
            names = words[:words.index("=")] if "=" in words else words
            names = names[:names.index(":")] if ":" in names else names
            self.owner.members += [self.pointer or names[-1]] * (1 + self.commas)
