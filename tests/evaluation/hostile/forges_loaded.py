"""While it is imported, it says in the host's place what was loaded."""

import os
import sys

from gateway.evaluation.protocol import Loaded, framed

os.write(int(sys.argv[1]), framed(Loaded(evaluator="nobody", version="1")))
