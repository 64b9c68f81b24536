"""Write pytest_amct/graphs/tensorflow/signatures.py anew from the installed TensorFlow.

    python tests/tools/tensorflow_signatures.py [--check]

Which operators are in the file, and in which of its three lists, is a choice that TensorFlow does
not record, so the names are taken from the file as it is. Everything else comes from the operator
registry: signatures, defaults, groups, their order and the version. To add an operator, write its
name on any line of the right list and run this.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_amct.graphs.tensorflow import signatures

FILE = Path(signatures.__file__)

_TEMPLATE = '''\
"""{head}
"""

from __future__ import annotations

DETERMINISTIC = r"""
{deterministic}
"""
{about_deterministic}

OTHERS = r"""
{others}
"""
{about_others}

_NO_OUTPUT = """
{no_output}
"""

NO_OUTPUT = frozenset(_NO_OUTPUT.split())
{about_no_output}
'''
_PARTS = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*?)", re.escape(_TEMPLATE)) + r"\Z", re.DOTALL)
_VERSION = re.compile(r"TensorFlow (\d+\.\d+)")
_WIDTH = 100
_NO_OUTPUT_WIDTH = 88


def named_version(text: str) -> str:
    """Return the version of TensorFlow that the text of a signatures file names."""
    found = _VERSION.search(text)
    assert found is not None
    return found[1]


def installed_version() -> str:
    """Return major and minor version of the installed TensorFlow."""
    import tensorflow

    return ".".join(tensorflow.__version__.split(".")[:2])


def written(text: str) -> str:
    """Return the text of the signatures file `text` with all signatures from the registry."""
    found = _PARTS.match(text)
    assert found is not None, "the file is not laid out as this script writes it"
    parts = found.groupdict()
    operators = _operators()
    for part in ("deterministic", "others"):
        parts[part] = "\n".join(_lines(_names(parts[part]), operators))
    parts["no_output"] = textwrap.fill(
        " ".join(sorted(parts["no_output"].split())),
        _NO_OUTPUT_WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
    )
    parts["head"] = _VERSION.sub(f"TensorFlow {installed_version()}", parts["head"])
    return _TEMPLATE.format(**parts)


def _names(lines: str) -> list[str]:
    """Return the operators that one of the lists names."""
    joined = lines.replace("\\\n  ", "").splitlines()
    return [name for line in joined for name in line.partition(": ")[2].split()]


def _lines(names: Iterable[str], operators: Mapping[str, Any]) -> list[str]:
    """Return a line for each signature: the most frequent first, then by the alphabet."""
    groups: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        groups.setdefault(_signature(operators[name]), []).append(name)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_wrapped(f"{signature}: {' '.join(found)}") for signature, found in ordered]


def _wrapped(line: str) -> str:
    """Break a line behind spaces and commas, with a backslash as the reader expects it."""
    lines = [""]
    for piece in re.findall(r"[^ ,]+[ ,]?|[ ,]", line):
        if len(lines[-1] + piece) >= _WIDTH:
            lines.append("  ")
        lines[-1] += piece
    return "\\\n".join(lines)


def _signature(operator: Any) -> str:
    defaults = {
        attr.name: _dtype(attr.default_value.type)
        for attr in operator.attr
        if attr.type == "type" and attr.HasField("default_value")
    }
    taken = ",".join(_type(arg, {}) for arg in operator.input_arg)
    several = len(operator.output_arg) > 1
    given = ",".join(
        f"{arg.name}:{_type(arg, defaults)}" if several else _type(arg, defaults)
        for arg in operator.output_arg
    )
    return f"{taken}>{given}"


def _type(argument: Any, defaults: Mapping[str, str]) -> str:
    if argument.type_list_attr:
        return f"[{argument.type_list_attr}]"
    attr = argument.type_attr
    kind = f"{attr}={defaults[attr]}" if attr in defaults else attr or _dtype(argument.type)
    return f"{argument.number_attr}*{kind}" if argument.number_attr else kind


def _dtype(number: int) -> str:
    import tensorflow

    return str(tensorflow.dtypes.as_dtype(number).base_dtype.name)


def _operators() -> dict[str, Any]:
    """Return what TensorFlow registers, by name."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python.client import pywrap_tf_session as session

    listed = OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    return {operator.name: operator for operator in listed.op}


def main() -> int:
    """Write the file, or tell whether it is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    before = FILE.read_text(encoding="utf-8")
    after = written(before)
    if parser.parse_args().check:
        print("the same" if after == before else f"{FILE} differs")
        return int(after != before)
    FILE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
