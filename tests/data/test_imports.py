"""The package costs little to import."""

from __future__ import annotations

import subprocess
import sys


def test_data_loads_neither_jax_nor_other_table_libraries():
    heavy = "{'jax', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'narwhals', 'optax'}"
    code = f"import sys, fallline.data; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
