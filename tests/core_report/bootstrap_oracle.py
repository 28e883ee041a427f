"""An independent computation of the report's statistics: numpy's own draws, many of them.

Reads {"counts": [R], "sums": [[R], ...]} as an argument; prints [mean, sd over seeds, low, high]."""
import json
import sys

import numpy

data = json.loads(sys.argv[1])
counts, sums = numpy.array(data["counts"]), numpy.array(data["sums"])
draw = numpy.random.default_rng(1)
per_seed = sums.sum(1) / counts.sum()
values = []
for _ in range(40000):
    records = draw.integers(0, len(counts), len(counts))  # one draw for all seeds
    seeds = draw.integers(0, len(sums), len(sums))
    values.append((sums[seeds][:, records].sum(1) / counts[records].sum()).mean())
sd = numpy.std(per_seed, ddof=1) if len(sums) > 1 else None
print(json.dumps([per_seed.mean(), sd, *numpy.quantile(values, [0.025, 0.975])]))
