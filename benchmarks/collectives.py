"""The bytes that a compiled program moves between devices, read from its text."""

import math
import re
from collections import Counter
from typing import NamedTuple

WIDTHS = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "f64": 8, "s64": 8, "u64": 8}
KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_MOVE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_SHAPE = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_LOOP = re.compile(r"\bwhile\(.*body=%?([\w.\-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_CALLED = re.compile(r"\b(?:calls|to_apply|true_computation|false_computation)=%?([\w.\-]+)")


class Moved(NamedTuple):
    """Of one run of the program, each device's own: operand bytes, collectives run, bytes sent if in rings."""

    bytes: Counter
    count: Counter
    sent: Counter


def moved_bytes(program: str, devices: int) -> Moved:
    """What the collectives of optimised HLO text move, by kind; what a loop repeats counts each time.

    An instruction's operand is taken from its result: as large for an all-reduce, one part of the group's for an
    all-gather, the group's whole for a reduce-scatter.

    Raises:
      ValueError: a loop around collectives whose number of passes the compiler does not say.
    """
    bodies, entry = _computations(program)
    found = Moved(Counter(), Counter(), Counter())
    _add(bodies, entry, 1, devices, found)
    return found


def _computations(program: str) -> tuple[dict[str, list[str]], str]:
    bodies: dict[str, list[str]] = {}
    name = entry = ""
    for line in program.splitlines():
        head = _HEAD.match(line)
        if head:
            name = head.group(2)
            bodies[name] = []
            entry = name if head.group(1) else entry
        elif name:
            bodies[name].append(line)
    return bodies, entry


def _add(bodies: dict[str, list[str]], name: str, times: int, devices: int, found: Moved) -> None:
    for line in bodies[name]:
        move, loop = _MOVE.search(line), _LOOP.search(line)
        if move:
            kind = move.group(2)
            operand, sent = _operand_and_sent(_result_bytes(move.group(1)), kind, _group_size(line, devices))
            found.bytes[kind] += times * operand
            found.count[kind] += times
            found.sent[kind] += times * sent
        if loop:
            trips = _TRIPS.search(line)
            if trips is None and _moves(bodies, loop.group(1)):
                raise ValueError(f"a loop of unknown length moves data between devices: {line.strip()[:200]}")
            _add(bodies, loop.group(1), times * int(trips.group(1)) if trips else 0, devices, found)
        # What is done with two values inside a collective is no call.
        elif not move:
            for called in _CALLED.findall(line):
                _add(bodies, called, times, devices, found)


def _moves(bodies: dict[str, list[str]], name: str) -> bool:
    inner = [called for line in bodies[name] for called in (*_CALLED.findall(line), *_LOOP.findall(line))]
    return any(_MOVE.search(line) for line in bodies[name]) or any(_moves(bodies, called) for called in inner)


def _result_bytes(result: str) -> int:
    return sum(
        WIDTHS[width] * math.prod(int(n) for n in shape.split(",") if n) for width, shape in _SHAPE.findall(result)
    )


def _operand_and_sent(result: int, kind: str, group: int) -> tuple[int, float]:
    """Bytes of a device's operand, and what it sends to the next one of a ring of `group` until all is done."""
    share = (group - 1) / group
    return {
        "all-reduce": (result, 2 * share * result),
        "all-gather": (result // group, share * result),
        "reduce-scatter": (result * group, share * result * group),
        "all-to-all": (result, share * result),
        "collective-permute": (result, result),
    }[kind]


def _group_size(line: str, devices: int) -> int:
    """Devices that take part together, of the ways in which the text may say so; all if it does not."""
    named = re.search(r"replica_groups=mesh\[([^\]]*)\].*? \{('[^}]*)\}", line)
    if named:
        sizes = dict(re.findall(r"'([^']+)'=(\d+)", named.group(1)))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'([^']+)'", named.group(2)))
    counted = re.search(r"replica_groups=\[\d+,(\d+)\]<=", line)
    if counted:
        return int(counted.group(1))
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", line)
    return len(listed.group(1).split(",")) if listed else devices
