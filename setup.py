"""The extension module and the pages of ``dlcore help``; all else is in pyproject.toml.

The extension is optional: without it, or without a compiler, the portable core is used.

``DLCORE_SANITIZE=1`` builds it with AddressSanitizer and UndefinedBehaviorSanitizer.
``DLCORE_REQUIRE_EXTENSION=1`` makes it an error that it cannot be built, as for a wheel.
"""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

CSRC = Path("dlcore_ext/csrc")
SANITIZE = os.environ.get("DLCORE_SANITIZE") == "1"
IS_REQUIRED = SANITIZE or os.environ.get("DLCORE_REQUIRE_EXTENSION") == "1"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
if SANITIZE:
    GCC_OPTIONS = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
else:
    GCC_OPTIONS = ["-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"]

# GCC and Clang take the instruction set from each function, MSVC from the options of a file; for
# SHA-NI it has no option and needs none. Optimizing at link time (/GL) might bring these
# instructions into functions that every CPU runs.
MSVC_KERNEL_OPTIONS = {
    "sha256_avx2.c": ["/arch:AVX2", "/GL-"],
    "sha256_avx512_x8.c": ["/arch:AVX512", "/GL-"],
    "sha256_avx512_x16.c": ["/arch:AVX512", "/GL-"],
}

# One wheel serves Python 3.11 and all later ones. A Python without the GIL has no stable ABI.
HAS_STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")

EXTENSION = Extension(
    "dlcore_ext._blocks",
    sources=["dlcore_ext/_blocks.pyx", *sorted(map(str, CSRC.glob("*.c")))],
    # An sdist contains what is named here; otherwise it would have only the generated C.
    depends=[
        *("dlcore_ext/_blocks.pyx", "dlcore_ext/_csrc.pxd"),
        *sorted(map(str, CSRC.glob("*.h"))),
    ],
    include_dirs=[str(CSRC)],
    extra_link_args=SANITIZERS if SANITIZE else [],
    define_macros=[("Py_LIMITED_API", "0x030B0000")] if HAS_STABLE_ABI else [],
    # Only the file's name comes of it, which a build for another system chooses itself.
    py_limited_api=HAS_STABLE_ABI and "SETUPTOOLS_EXT_SUFFIX" not in os.environ,
)


def say_what_is_slower(reason: object) -> None:
    """Print the one line that an installation without the extension gets."""
    sys.stderr.write(
        f"dlcore: the native core is not built ({reason}). The portable core is used: it gives "
        "the same results and hashes up to 2x slower.\n"
    )


class BuildOptional(build_ext):
    """Builds the extension, or says what is slower without it."""

    def build_extension(self, ext: Extension) -> None:
        """Compile; setuptools ignores the error if the extension is optional."""
        try:
            if self.compiler.compiler_type == "msvc":
                self._compile_kernels(ext)
            else:
                ext.extra_compile_args = GCC_OPTIONS
            super().build_extension(ext)
        except Exception as error:
            if ext.optional:
                say_what_is_slower(f"{type(error).__name__}: see the compiler's messages")
            raise

    def _compile_kernels(self, ext: Extension) -> None:
        """Compile the files that have options of their own; what comes of them is linked."""
        for source in [name for name in ext.sources if Path(name).name in MSVC_KERNEL_OPTIONS]:
            ext.extra_objects += self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=ext.include_dirs,
                extra_postargs=MSVC_KERNEL_OPTIONS[Path(source).name],
            )
            ext.sources.remove(source)
            ext.depends.append(source)


class BuildWithPages(build_py):
    """Puts the pages of the manual where `dlcore.cli.pages` looks for them."""

    def run(self) -> None:
        """Copy them, unless dlcore is used from this folder."""
        super().run()
        if not self.editable_mode:
            for page in sorted([*Path("docs").glob("*.md"), *Path("docs/reference").glob("*.md")]):
                target = Path(self.build_lib, "dlcore", "cli", "pages", page.relative_to("docs"))
                self.mkpath(str(target.parent))
                self.copy_file(str(page), str(target))


def extensions() -> list[Extension]:
    """The extension, translated to C; empty where it cannot be built."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        say_what_is_slower("Cython is not installed")
        return []
    translated: list[Extension] = cythonize(
        [EXTENSION],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "auto_pickle": False,
            "binding": True,
            "boundscheck": SANITIZE,
            "wraparound": False,
        },
    )
    for extension in translated:  # `cythonize` drops the attribute
        extension.optional = not IS_REQUIRED
    return translated


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildOptional, "build_py": BuildWithPages},
        options={"bdist_wheel": {"py_limited_api": "cp311"}} if HAS_STABLE_ABI else {},
    )
