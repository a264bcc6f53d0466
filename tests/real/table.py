#!/usr/bin/env python3
"""The tables of docs/real-nodes.md from what real_nodes.py and object_methods.py saw:

    python tests/real/table.py NAME=FILE.json [NAME=FILE.json ...]

Files of the same name are put together.
"""

import json
import sys

ORDER = ["Chain", "Node", "Mining", "Echo", "Rpc", "WalletLoader", "BlockTemplate", "Wallet"]
# Why a method is not asked at all, by what it is.
REFUSED = {"Node.BaseInitialize", "Node.AppInitMain", "Node.AppShutdown", "Mining.Interrupt"}


def cell(name, row):
    if row == "not asked":
        return "refused, would end or disturb it" if name in REFUSED else "–"
    return row


def main():
    seen = {}
    for word in sys.argv[1:]:
        profile, path = word.split("=")
        of = seen.setdefault(profile, {"rows": {}, "deadly": {}})
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        asked = {name: row for name, row in found["rows"].items() if row != "not asked"}
        of["rows"] = found["rows"] | of["rows"] | asked
        of["deadly"] |= found["deadly"]
    names = sorted({n for s in seen.values() for n in s["rows"]}, key=lambda n: (ORDER.index(n.split(".")[0]), n))
    asked = [n for n in names if any(s["rows"].get(n, "not asked") != "not asked" for s in seen.values()) or n in REFUSED]
    print("| method | " + " | ".join(seen) + " |")
    print("| --- |" + " --- |" * len(seen))
    for name in asked:
        print(f"| {name} | " + " | ".join(cell(name, s["rows"].get(name, "not asked")) for s in seen.values()) + " |")
    print()
    print("| what is sent | " + " | ".join(seen) + " |")
    print("| --- |" + " --- |" * len(seen))
    for what in next(iter(seen.values()))["deadly"]:
        print(f"| {what} | " + " | ".join(f"`{s['deadly'].get(what, '–')}`" for s in seen.values()) + " |")


if __name__ == "__main__":
    main()
