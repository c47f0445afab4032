"""The words that the project does not use, because readers who know FTP would not know what they mean here.

ARCHITECTURE.md has the glossary. A word is refused as a part of an identifier (between underscores or capitals, C++ and Python), or
in text (comments, strings, pages), or in both. An exception is one line in tools/word_exceptions: the word or identifier, the
file or a pattern of files, and the reason.
"""

import fnmatch
import functools
import io
import re
import tokenize

EXCEPTIONS = "tools/word_exceptions"

# Word, or words joined by "_": what to use instead. Refused in identifiers and in text.
REFUSED = {
    "anew": "again", "asker": "client", "beside": "with, next to, in addition to", "door doors": "listener", "estate": "handover_state",
    "farewell": "final reply", "foundation": "shared state", "grabbed hijacked": "ALG port", "haste hasty": "curl_epsv_delay",
    "heard hears": "receives, gets", "heed heeds": "follow", "keeper": "owner", "lead_past": "direct data connection",
    "led": "forwarded, sent", "never_came": "timeout",
    "nobody somebody anybody whoever whom": "name the client, host or user", "obey obeys": "follow", "owed": "pending_reply",
    "paced": "rate-limited", "parcel": "handover_message", "passage": "passthrough_session", "penalised": "penalized",
    "promised": "reserved", "roster": "session_list", "seldom": "log_limiter; at most every N s",
    "shortage": "no_backend_reason", "standing": "persistent, open", "stranger strangers": "unexpected peer",
    "survey surveyed": "snapshot", "swallowed swallows": "drop, discard", "tempo": "buffer_pacer", "told": "advertised, notified; receives",
    "turned_away": "rejected", "untouched unseen": "say what is not done", "vitals": "health state", "witness": "health_source",
    "rival rivals": "reference server",
}
# Refused in identifiers only: in text they are also plain English.
IN_IDENTIFIERS = {
    "arrival arrivals": "admitted_connection", "behind": "backend leg, backend", "crew": "worker_threads", "guest": "passthrough_client",
    "in_front": "client leg", "least": "min", "most": "max", "pace": "rate limit", "unread": "passthrough",
}
# Refused in text: the private senses of words that are otherwise plain English, as patterns at the word that begins them.
IN_TEXT = {
    "in": (r"in front(?! of)\b", "on the client leg"),
    "behind": (r"behind(?! (?:a |an |the |one |its |their |another |such |two |several )?(?:[\w-]+ ){0,2}"
               r"(?:NAT|routers?|firewalls?|balancers?|prox(?:y|ies)|HAProxy|address(?:es)?)\b)", "on the backend leg; backend; after"),
    "pace": (r"(?<=\ba )pace\b|(?<=\bthe )pace\b|(?<=\bits )pace\b|(?<=\btheir )pace\b|(?<=\bown )pace\b", "rate limit"),
    "told": (r"told(?! apart)", "advertised, notified; receives"),
    "never": (r"never[ -]came\b", "timeout"),
    "turned": (r"turned[ -]away\b", "rejected"),
    "lead": (r"lead[ -]past\b", "direct data connection"),
}
ALLOWED = {"at_least", "at_most", "least_sessions", "least_response_time", "behind_nat"}  # within an identifier


def _flat(table):
    return {word: instead for words, instead in table.items() for word in words.split()}


PARTS = _flat(REFUSED) | _flat(IN_IDENTIFIERS)
WORDS = {word: instead for word, instead in _flat(REFUSED).items() if word not in IN_TEXT}
PATTERNS = {word: (re.compile(pattern, re.IGNORECASE), instead) for word, (pattern, instead) in IN_TEXT.items()}
WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]+(?![A-Za-z])")
LEFT = re.compile(r"\b(?:leaves?|leaving|left)\b[^.;:]*$", re.IGNORECASE)  # what is left behind
HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
CPP = re.compile(r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>R"([^(\s]*)\(.*?\)\3"|"(?:\\.|[^"\\\n])*")|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.DOTALL)


@functools.lru_cache(maxsize=None)
def in_identifier(identifier):
    """The refused parts of an identifier."""
    parts = "_".join(HUMPS.findall(identifier)).lower()
    for allowed in ALLOWED:
        parts = re.sub(rf"(?<![^_]){allowed}(?![^_])", "", parts)
    padded = f"_{parts}_"
    return [word for word in PARTS if f"_{word}_" in padded]


def in_text(line):
    """(word or words, what to use instead)"""
    for found in WORD.finditer(line):
        word = found[0].lower()
        if word in WORDS:
            yield found[0], WORDS[word]
        elif word in PATTERNS:
            pattern, instead = PATTERNS[word]
            hit = pattern.match(line, found.start())
            if hit and not (word == "behind" and LEFT.search(line[:found.start()])):
                yield hit[0], instead


def _cpp(source):
    """(line, is_text, piece)"""
    last, line = 0, 1
    for found in CPP.finditer(source):
        code = source[last:found.start()]
        yield line, False, code
        line += code.count("\n")
        yield line, True, found[0] if found.lastgroup else ""
        line += found[0].count("\n")
        last = found.end()
    yield line, False, source[last:]


def _python(source):
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
            yield token.start[0], True, token.string
        elif name == "NAME":
            yield token.start[0], False, token.string


def pieces(name, source):
    if name.endswith((".cpp", ".hpp")):
        return _cpp(source)
    if name.endswith(".py") or source.startswith(("#!/usr/bin/python3", "#!/usr/bin/env python3")):
        return _python(source)
    return [(1, True, source)]


def findings(name, source):
    """(line, word as found, what to use instead, the identifier or None)"""
    for first, is_text, piece in pieces(name, source):
        for number, line in enumerate(piece.split("\n"), first):
            if is_text:
                for word, instead in in_text(line):
                    yield number, word, instead, None
            else:
                for identifier in IDENTIFIER.findall(line):
                    for word in in_identifier(identifier):
                        yield number, word, PARTS[word], identifier


class Exceptions:
    def __init__(self, lines):
        self.entries = []  # (line, word or identifier, pattern of files, reason)
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                word, pattern, reason = (line.split(None, 2) + ["", ""])[:3]
                self.entries.append((number, word, pattern, reason.strip()))
        self.used = set()

    def cover(self, name, word, identifier):
        for number, excepted, pattern, _ in self.entries:
            if excepted.lower() in (re.sub(r"\s", "_", word.lower()), identifier and identifier.lower()) and fnmatch.fnmatch(name, pattern):
                self.used.add(number)
                return True
        return False

    def faults(self):
        for number, word, _, reason in self.entries:
            if not reason:
                yield number, f"{word}: give the reason"
            elif number not in self.used:
                yield number, f"{word} is not needed any more; take it off the list"
