"""What `pyproject.toml` cannot say: the optional C library, and that `noxfile.py` and this file stay out of the wheel.

The library is preloaded into targets of any language, so it is no Python extension though it is built like one: its
name and the wheel's carry no version of Python.
"""

import sys

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

NOT_SHIPPED = {"noxfile", "setup"}
CLOCK = "harness/clock"

PARTS = (
    "calls",
    "changes",
    "control",
    "flights",
    "locks",
    "lookups",
    "peers",
    "signals",
    "sockets",
    "timer_calls",
    "timers",
    "untold",
    "waits",
    "warp",
)

LIBWARP = Extension(
    "brownout.harness.clock.libwarp",
    sources=[f"{CLOCK}/{part}.c" for part in PARTS],
    depends=[f"{CLOCK}/block.h", f"{CLOCK}/timers.h", f"{CLOCK}/warp.h"],
    # A cancelled thread unwinds through a wait, hence the exceptions.
    extra_compile_args=[
        "-std=gnu11",
        "-O2",
        "-g0",
        "-Wall",
        "-Wextra",
        "-fvisibility=hidden",
        "-fexceptions",
        "-pthread",
    ],
    extra_link_args=["-pthread", "-Wl,-z,now"],
    libraries=["dl"],
    optional=True,  # without a compiler everything but target time works
)


class BuildPy(build_py):
    """Leaves the repository's own tools out of the package."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """The modules of one package, as setuptools finds them, less the repository's own tools."""
        modules = super().find_package_modules(package, package_dir)
        return [module for module in modules if not (package == "brownout" and module[1] in NOT_SHIPPED)]


class BuildLibrary(build_ext):
    """Names the library for what it is: any interpreter, and none, can load it."""

    def get_ext_filename(self, fullname: str) -> str:
        """The file of a library, without the interpreter's version."""
        return fullname.replace(".", "/") + ".so"


class Wheel(bdist_wheel):
    """One wheel for every version of Python on a platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """The platform's tag alone."""
        return ("py3", "none", super().get_tag()[2])


setup(
    cmdclass={"build_py": BuildPy, "build_ext": BuildLibrary, "bdist_wheel": Wheel},
    ext_modules=[LIBWARP] if sys.platform == "linux" else [],
)
