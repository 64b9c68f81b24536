"""Words and turns of phrase that the project has replaced do not come in again."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

WORDS = {
    "missed": "not-quantized",
    "owed": "expected",
    "untraceable": "unmatched",
    "focal": "target",
    "companion": "control layer",
    "broken_alone": "violated_alone",
    "amct_claims": "amct_required_rows",
    "amct_skips": "amct_float_rows",
    "Lost": "crashed or timed-out",
}
"""Former terms, each a whole word, and the glossary's term."""

PHRASES = (
    # pattern, what to write, an example that the pattern finds
    (r"(?<=\S )(?<!here )(is|are) no (?!(more|less|longer)\b)", "is not a", "which is no layer of"),
    (r"\bstands? (there|apart)\b", "is listed, is separate", "'x' stands there twice"),
    (r"\bown accord\b", "by itself", "ends of its own accord"),
    (r"\bown affair\b", "not defined here", "a body is its own affair"),
    (r"\bfor its own\b", "is mistaken for", "takes that for its own"),
    (r"\bnobody shall\b", "so that nobody, or the passive", "nobody shall rely on it"),
    (r"\b[Ww]hoever\b", "a user who, or if you", "Whoever sets 0 runs fewer"),
    (r"\blast words\b", "last lines of the output", "the quantizer's last words"),
    (r"\bdid not come back\b", "crashed or timed out", "it did not come back from"),
    (r"\btook down\b", "crashed", "what a quantizer took down"),
    (r"\bso often\b", "a number", "nobody moves data so often"),
    (r"\banother matter\b", "is ignored, is separate", "this is another matter"),
    (r"\bas the dice fall\b", "at random", "drawn as the dice fall"),
    (r"\bso many words\b", "implies this rather than stating it", "not in so many words"),
    (r"\b(your|its|our) business\b", "is not supported", "not your business"),
    (r"\bthe (next|others|run) goe?s? on\b", "continues", "one case; the next goes on"),
    (r"\bgiven (to it )?(again|once more)\b", "is retried, is repeated", "given again one by one"),
    (r"\bas (it|they) likes?\b", "any", "take as long as it likes"),
    (r"\b(asked|written|built) anew\b", "again, re-run", "cannot be asked anew"),
    (r"\b(tell|tells|told) of\b", "reports, describes", "the sentence that tells of it"),
    (r"\btold off\b", "is an error", "is not told off"),
    (r"\bthe same of\b", "the same for", "and the same of weights"),
    (r"\bseen both ways\b", "exercised both ways", "every condition is seen both ways"),
    (r"\bbroken alone\b", "violated alone", "where it is broken alone"),
    (r"\b[Nn]eutral changes?\b", "metamorphic change", "Neutral changes to a model"),
    (r"\bREADING\.md\b", 'docs/reading.md, "<heading>"', "READING.md section 3"),
)

EXEMPT = re.compile(
    r"CHANGELOG\.md:"  # tells the words of the past
    r"|tests/test_words\.py:"
    r"|docs/kills\.(md|csv):\d+:"  # a record of past runs
    r"|pytest_amct/options\.py:.*_RENAMED"  # names the former options to users of them
    r"|tests/test_output\.py:.*amct_(claims|skips)"
)

PATTERNS = [(re.compile(rf"\b{word}\b"), instead) for word, instead in WORDS.items()]
PATTERNS += [(re.compile(pattern), instead) for pattern, instead, _ in PHRASES]


def complaints(name: str, text: str) -> Iterator[str]:
    """Yield a sentence about each former word in the text of a file of that name."""
    lines = text.splitlines()
    for pattern, instead in PATTERNS:
        for found in pattern.finditer(text):
            number = text.count("\n", 0, found.start()) + 1
            if not EXEMPT.match(f"{name}:{number}:{lines[number - 1]}"):
                yield f"{name}:{number}: {found.group()!r}: write {instead!r}"


def test_no_former_word_comes_in_again() -> None:
    command = ["git", "ls-files", "-z", "--", "*.py", "*.md", "*.toml", "*.json"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.split("\0") if name]
    assert "tests/test_words.py" in names
    found = [x for n in names for x in complaints(n, (ROOT / n).read_text(encoding="utf-8"))]
    if found:
        pytest.fail("\n".join(["former words:", *found]), pytrace=False)


@pytest.mark.parametrize("example", [*WORDS, *(example for _, _, example in PHRASES)])
def test_every_entry_finds_its_example(example: str) -> None:
    (found,) = complaints("docs/x.md", f"\nIf {example}, then.\n")
    assert found.startswith("docs/x.md:2: ")


@pytest.mark.parametrize(
    "line", ["there is no file", "There are no layers", "is no longer read", "stands for a layer"]
)
def test_plain_sentences_pass(line: str) -> None:
    assert list(complaints("docs/x.md", line)) == []
