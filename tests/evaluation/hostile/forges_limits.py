"""While it is imported, it gives itself limits and names that no evaluator can have."""

import os
import sys

from gateway.evaluation.protocol import Loaded, framed

os.write(int(sys.argv[1]), framed(Loaded(evaluator="hostile", version="1" * 3_000_000, wall_s=float("nan"))))
