"""``python -m sagemaker_async.cli``: the same as ``sagemaker-async``, for when scripts are not on the path."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
