"""The extension modules; everything else about the build is in pyproject.toml.

``DLCORE_SANITIZE=1`` builds them with AddressSanitizer and UndefinedBehaviorSanitizer.
"""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

COMPILE_ARGS = ["/O2"] if sys.platform == "win32" else ["-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"]
LINK_ARGS: list[str] = []
if os.environ.get("DLCORE_SANITIZE") == "1":
    SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    COMPILE_ARGS = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
    LINK_ARGS = SANITIZERS

EXTENSIONS = [
    Extension(
        "dlcore_ext._blocks",
        sources=["dlcore_ext/_blocks.pyx"],
        include_dirs=["dlcore_ext/csrc"],
        extra_compile_args=COMPILE_ARGS,
        extra_link_args=LINK_ARGS,
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
            "boundscheck": os.environ.get("DLCORE_SANITIZE") == "1",
            "wraparound": False,
        },
    )
)
