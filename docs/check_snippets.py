#!/usr/bin/env python3
"""Compares the programs that the documentation shows with the files that are built and run.

A block of C++ belongs to the comment above it: `<!-- docs/examples/FILE.cpp -->` shows the whole file,
`<!-- docs/examples/FILE.cpp: NAME -->` what stands between two lines `//! [NAME]`.
"""

import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"(?:<!-- (?P<file>\S+?\.[ch]pp)(?:: (?P<region>\w+))? -->\n)?```cpp\n(?P<code>.*?)```", re.DOTALL)


def shown_source(root, file, region):
    text = (root / file).read_text(encoding="utf-8")
    if region is None:
        return text
    parts = re.split(rf"^ *//! \[{region}\]\n", text, flags=re.MULTILINE)
    if len(parts) != 3:
        raise ValueError(f"{file} has no region [{region}]")
    return textwrap.dedent(parts[1])


def check(root, document):
    count = 0
    for block in BLOCK.finditer(document.read_text(encoding="utf-8")):
        place = f"{document.relative_to(root)}: C++ block {count + 1}"
        if block["file"] is None:
            raise ValueError(f"{place} names no file that is built and run")
        if block["code"] != shown_source(root, block["file"], block["region"]):
            raise ValueError(f"{place} differs from {block['file']}")
        count += 1
    return count


def main():
    root = pathlib.Path(sys.argv[1])
    documents = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    count = sum(check(root, document) for document in documents)
    print(f"{count} blocks of C++ are what is built and run")
    return 0 if count >= 3 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as problem:
        sys.exit(str(problem))
