"""Checks a case folder of Palisade: its manifest, and that its records are all of one tenant and time. Needs Python 3 alone."""

import base64
import hashlib
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent


def fail(why):
    print(f"NOT PROVEN: {why}")
    sys.exit(1)


def sha(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha(b"\0" + data)


def node(left, right):
    return sha(b"\1" + left + right)


def hashes(texts):
    return [base64.b64decode(text) for text in texts]


def varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return number, at


def root_of_stretch(leaves, proof):
    """The root of a tree from the leaves of a stretch and the complete subtrees around it."""
    at, size, stack = 0, proof["size"], []

    def push(hash, level):
        nonlocal at
        at += 1 << level
        while stack and stack[-1][1] == level:
            hash, level = node(stack.pop()[0], hash), level + 1
        stack.append((hash, level))

    before = hashes(proof["before"])
    for level in reversed(range(proof["from"].bit_length())):
        if proof["from"] >> level & 1:
            push(before.pop(0), level)
    for hash in leaves:
        push(hash, 0)
    if before or at != proof["to"]:
        fail(f"there are {len(leaves)} records, and not those from {proof['from']} to {proof['to']}")
    for hash in hashes(proof["behind"]):
        begins = (at & -at).bit_length() - 1 if at else 64
        push(hash, min(begins, (size - at).bit_length() - 1))
    if at != size:
        fail("the hashes behind the records do not fill the tree")
    hash = stack.pop()[0]
    while stack:
        hash = node(stack.pop()[0], hash)
    return hash


def root_of_path(hash, index, size, path):
    """The root of a tree from one leaf and its inclusion proof (RFC 9162, section 2.1.3.2)."""
    last = size - 1
    for sibling in path:
        if index % 2 or index == last:
            hash = node(sibling, hash)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            hash = node(hash, sibling)
        index, last = index // 2, last // 2
    return hash if last == 0 else b""


manifest = json.loads((here / "manifest.json").read_text())
for name, said in manifest["files"].items():
    if hashlib.sha256((here / name).read_bytes()).hexdigest() != said["sha256"]:
        fail(f"{name} is not the file of the manifest")

proof = json.loads((here / "proof.json").read_text())
book = proof["book"].encode()
data, at, leaves, withheld = (here / "records.bin").read_bytes(), 0, [], 0
while at < len(data):
    length = int.from_bytes(data[at : at + 4], "little")
    record = data[at + 8 : at + 8 + length]
    name, begins = varint(record, 19)
    if record[begins : begins + name] != book:
        fail(f"record {len(leaves)} of the folder is not of {proof['book']}")
    # A first byte of 2 says that the record was pruned; its leaf is what stands behind the name of its book.
    withheld += record[0] == 2
    leaves.append(record[begins + name :] if record[0] == 2 else leaf(record))
    at += 8 + length
rows = (here / "rows.jsonl").read_text().splitlines()
if len(rows) + withheld != len(leaves) or len(rows) != manifest["rows"]:
    fail(f"there are {len(rows)} rows, {len(leaves)} records, and {manifest['rows']} in the manifest")
if withheld:
    print(f"note: {withheld} more were pruned and only their leaves are left: ask for the log's records of that")

root = root_of_stretch(leaves, proof)
length, head = len(book), b""
while length >= 0x80:
    length, head = length >> 7, head + bytes([length & 0x7F | 0x80])
head += bytes([length]) + book + proof["size"].to_bytes(8, "little") + root
place = proof["head"]
heads_root = root_of_path(leaf(head), place["index"], place["count"], hashes(place["path"]))

seal = base64.b64decode(proof["seal"])
name, begins = varint(seal, 19)
event = bytes([proof["keys"]["event"], 1, len("sealed")]) + b"sealed"
if seal[1] != 4 or not seal[begins + name :].startswith(event):
    fail("what should be the seal is none")
if bytes([proof["keys"]["heads_root"]]) + b"\x05\x20" + heads_root not in seal:
    fail("the records are not those that the seal commits to")

text, note = (here / "seal.tlog-proof").read_text().split("\n\n", 1)
lines = text.split("\n")
origin, size, signed = note.split("\n")[:3]
index, path = int(lines[1].removeprefix("index ")), hashes(lines[2:])
if root_of_path(leaf(seal), index, int(size), path) != base64.b64decode(signed):
    fail("the seal is not in the log of the checkpoint")
if (here / "checkpoint").read_text() != note:
    fail("the checkpoint is another one than that of the proof")
print(f"proven: {len(rows)} records of {proof['book']}, {proof['from']} to {proof['to']} of {proof['size']}, none left out,")
print(f"in the log {origin} of {size} records. Check the checkpoint's signature as README.md says, with a key from elsewhere.")
