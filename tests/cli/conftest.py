# SPDX-License-Identifier: Apache-2.0
"""Makes the shared module of these tests known to pytest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
