"""The extension modules; everything else about the build is in pyproject.toml.

``DLCORE_SANITIZE=1`` builds them with AddressSanitizer and UndefinedBehaviorSanitizer.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

CSRC = Path("dlcore_ext/csrc")
SANITIZE = os.environ.get("DLCORE_SANITIZE") == "1"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
if sys.platform == "win32":
    COMPILE_ARGS = ["/O2"]
elif SANITIZE:
    COMPILE_ARGS = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
else:
    COMPILE_ARGS = ["-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"]

EXTENSIONS = [
    Extension(
        "dlcore_ext._blocks",
        sources=["dlcore_ext/_blocks.pyx", *sorted(map(str, CSRC.glob("*.c")))],
        # An sdist has what is named here; by itself it would have the generated C only.
        depends=[
            *("dlcore_ext/_blocks.pyx", "dlcore_ext/_csrc.pxd"),
            *sorted(map(str, CSRC.glob("*.h"))),
        ],
        include_dirs=[str(CSRC)],
        extra_compile_args=COMPILE_ARGS,
        extra_link_args=SANITIZERS if SANITIZE else [],
    ),
]

setup(
    ext_modules=cythonize(
        EXTENSIONS,
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "auto_pickle": False,
            "binding": True,
            "boundscheck": SANITIZE,
            "wraparound": False,
        },
    )
)
