# SPDX-License-Identifier: BSD-3-Clause
"""check.py SOURCE BUILD: who includes and who uses whom in lib/: see lib/README.md.

An edge is (from, to, why) between two files, from their #include lines, from the symbols
of the objects of BUILD, and from the text of headers, whose inline functions and macros
leave no symbols of their own. Each edge is held against the order of the folders; the
edges between modules (a .c with its .h) must have no circle. The README.md of each folder lists
its modules, and an edge leads only upward in that list.
"""

import pathlib
import posixpath
import re
import subprocess
import sys
from collections import defaultdict

UNDEFINED = {"U", "v", "w"}


class Order:
    """The two lines of lib/README.md."""

    def __init__(self, readme):
        text = readme.read_text()
        self.folders = self.line(text, "order")
        self.public_only = self.line(text, "public headers only")

    @staticmethod
    def line(text, name):
        found = re.search(rf"^    {name}: (.+)$", text, re.MULTILINE)
        if not found:
            sys.exit(f"lib/README.md has no line '{name}: ..'")
        return found[1].split()

    def rank(self, folder):
        return self.folders.index(folder)


def folder_of(file):
    return file.split("/")[0]


def module_of(file):
    return re.sub(r"\.[ch]$", "", file)


def is_public(file):
    return file.startswith("finode")


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"',
                  lambda m: m[0] if m[0][0] == '"' else " ", text, flags=re.DOTALL)


def sources(source):
    """{name below lib/ or include/: text}"""
    files = {}
    for root, pattern in (("lib", "*/*.[ch]"), ("include", "*.h"), ("include", "finode/*.h")):
        for path in sorted((source / root).glob(pattern)):
            name = str(path.relative_to(source / root))
            files[name] = without_comments(path.read_text())
    return files


def includes(files):
    """{file: the files of ours that it includes}"""
    found = {}
    for file, text in files.items():
        names = re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.MULTILINE)
        beside = [posixpath.normpath(f"{folder_of(file)}/{name}") for name in names]
        found[file] = {b if b in files else n for b, n in zip(beside, names)
                       if b in files or n in files}
    return found


def closure(file, included):
    seen, todo = set(), [file]
    while todo:
        for header in included[todo.pop()] - seen:
            seen.add(header)
            todo.append(header)
    return seen


def header_words(text):
    """The identifiers in a header's inline functions, and in its macros."""
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"\b(?:struct|union|enum)\s+\w+", "", text)  # a tag may be a function's name
    macros = re.findall(r"^[ \t]*#[ \t]*define[ \t]+\w+(.*)$", text, re.MULTILINE)
    text = re.sub(r"^[ \t]*#.*$|\"(?:\\.|[^\"\\\n])*\"", "", text, flags=re.MULTILINE)
    bodies, depth = [], 0
    for piece in re.split(r"([{}])", text):
        depth += {"{": 1, "}": -1}.get(piece, 0)
        if depth > 0:
            bodies.append(piece)
    return set(re.findall(r"[A-Za-z_]\w*", " ".join(macros + bodies)))


def objects(build, files):
    """{object: its source}; what is left of sources that have gone is left out."""
    found = {}
    for path in (build / "lib").rglob("*.c.o"):
        name = re.sub(r"CMakeFiles/[^/]*\.dir/", "", str(path.relative_to(build / "lib")))
        if name[:-2] in files:
            found[str(path)] = name[:-2]
    missing = {f for f in files if f.endswith(".c")} - set(found.values())
    if missing:
        sys.exit("not compiled: " + ", ".join(f"lib/{f}" for f in sorted(missing)))
    return found


def symbols(build, files):
    """({symbol: the sources that define it}, {source: the symbols that it needs})"""
    compiled = objects(build, files)
    defined, needed = defaultdict(set), defaultdict(set)
    listing = subprocess.run(["nm", "-gA", "--format=posix", *compiled],
                             check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        path, symbol, kind = re.match(r"(.*): (\S+) (\S)", line).groups()
        if kind in UNDEFINED:
            needed[compiled[path]].add(symbol)
        else:
            defined[symbol].add(compiled[path])
    return defined, needed


def uses(files, included, defined, needed):
    """Edges (from, to, symbol). What a .c needs for a header's sake is the header's."""
    edges, by_header = set(), {}
    for file, text in files.items():
        if file.endswith(".h"):
            by_header[file] = header_words(text) & set(defined)
    for file, wanted in by_header.items():
        if not is_public(file):
            edges |= {(file, to, symbol) for symbol in wanted for to in defined[symbol]}
    for file, wanted in needed.items():
        theirs = set().union(*(by_header[h] for h in closure(file, included)))
        own = set(re.findall(r"[A-Za-z_]\w*", files[file]))
        edges |= {(file, to, symbol) for symbol in wanted
                  if symbol in own or symbol not in theirs for to in defined[symbol]}
    return edges


def misplaced(order, edges):
    """What an edge does that the order does not allow, one line each."""
    lines = []
    for start, end, why in sorted(edges):
        if is_public(start):
            if not is_public(end):
                lines.append(f"include/{start}: {why}, which is private")
            continue
        here = folder_of(start)
        if is_public(end) or here == folder_of(end):
            continue
        if order.rank(folder_of(end)) > order.rank(here):
            lines.append(f"lib/{start}: {why}: upward, from {here} to {folder_of(end)}")
        elif here in order.public_only and ("includes" in why or "__" in why):
            lines.append(f"lib/{start}: {why}: {here} may use public headers only")
    return lines


def circles(edges):
    """The strongly connected components of more than one module (Tarjan)."""
    after = defaultdict(set)
    for start, end, _ in edges:
        if module_of(start) != module_of(end):
            after[module_of(start)].add(module_of(end))
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(after[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for node in sorted(after):
        if node not in index:
            visit(node)
    return found


def listed(source, folder):
    """The modules of a folder, in the order of the list in its README.md."""
    readme = source / "lib" / folder / "README.md"
    if not readme.exists():
        return []
    rows = re.findall(r"^\| `(\w+)` \|", readme.read_text(), re.MULTILINE)
    return [f"{folder}/{row}" for row in rows]


def list_faults(source, ours, edges):
    """Where the list of a folder's README.md is not so, one line each."""
    lines = []
    for folder in sorted({folder_of(f) for f in ours}):
        modules = listed(source, folder)
        there = {module_of(f) for f in ours if folder_of(f) == folder}
        lines += [f"lib/{folder}/README.md: no row for {m}" for m in sorted(there - set(modules))]
        lines += [f"lib/{folder}/README.md: {m} does not exist" for m in modules if m not in there]
        for start, end, why in sorted(edges):
            low, high = module_of(start), module_of(end)
            if low in modules and high in modules and modules.index(high) > modules.index(low):
                lines.append(f"lib/{folder}/README.md: {low} stands before {high}, "
                             f"but {start} {why}")
    return lines


def describe(circle, edges):
    """The files of a circle, and one reason for each step in it."""
    lines = [f"circle of {len(circle)}: {', '.join(sorted(circle))}"]
    steps = {}
    for start, end, why in sorted(edges):
        step = (module_of(start), module_of(end))
        if step[0] != step[1] and circle.issuperset(step):
            steps.setdefault(step, []).append(f"{start} {why}")
    for step, reasons in sorted(steps.items()):
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        lines.append(f"    {step[0]} -> {step[1]}: {reasons[0]}{more}")
    return lines


def main(source, build):
    sys.setrecursionlimit(10000)
    order = Order(source / "lib/README.md")
    files = sources(source)
    ours = [f for f in files if not is_public(f)]
    strangers = {folder_of(f) for f in ours} - set(order.folders)
    if strangers:
        sys.exit("not in the order of lib/README.md: " + ", ".join(sorted(strangers)))
    included = includes(files)
    edges = {(f, h, f"includes {h}") for f in files for h in included[f]}
    edges |= {(start, end, f"uses {symbol} of {end}") for start, end, symbol in
              uses(files, included, *symbols(build, files))}
    wrong = misplaced(order, edges)
    found = circles(edges)
    for line in wrong:
        print(line)
    for circle in found:
        print("\n".join(describe(circle, edges)))
    if wrong or found:
        sys.exit(f"layers: circles {len(found)}, upward calls {len(wrong)}")
    faults = list_faults(source, ours, edges)
    if faults:
        sys.exit("\n".join(faults))
    length = {f: len((source / "lib" / f).read_text().splitlines()) for f in ours}
    largest = max(sorted(length), key=length.get)
    print(f"layers: circles 0, upward calls 0, files {len(ours)}, "
          f"largest file lib/{largest} ({length[largest]} lines)")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
