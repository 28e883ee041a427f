"""Prints the groups of a cache file (KEY.HASH.h5) as JSON lines: read_cache.py FILE.  Needs h5py."""

import json
import sys

import h5py

with h5py.File(sys.argv[1]) as f:
    t = {name: f[name][:].tolist() for group in f for name in (f"{group}/{k}" for k in f[group])}
blob, cuts = bytes(t["text/bytes"]), t["text/offsets"]
text = lambda row: None if row < 0 else blob[cuts[row] : cuts[row + 1]].decode()
ids = lambda span: t["tokens/ids"][t["tokens/offsets"][span] : t["tokens/offsets"][span + 1]]
rows = lambda offsets, n: range(t[offsets][n], t[offsets][n + 1])
tag = lambda row: text(t["tags/name"][row])
for g, record_id in enumerate(t["groups/record_id"]):
    candidates = [{"prompt": [(text(t["messages/role"][m]), text(t["messages/content"][m])) for m in rows("candidates/messages", c)],
                   "response": text(t["candidates/response"][c]), "tag": tag(t["candidates/tag"][c]),
                   "prompt_ids": ids(2 * c), "response_ids": ids(2 * c + 1)} for c in rows("groups/candidates", g)]
    relations = [(tag(t["relations/tag"][r]), *(t[f"relations/{k}"][r] for k in ("i", "j", "k", "l", "weight"))) for r in rows("groups/relations", g)]
    print(json.dumps({"record_id": text(record_id), "candidates": candidates, "relations": relations}))
