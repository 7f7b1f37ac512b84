"""Compile the data plane ahead of time where there is a C compiler (docs/decisions/010-compiled-data-plane.md).

The same modules run as they are, at a higher price, where there is none: TOLLWAY_COMPILE=0 asks for that.
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Extension, setup
from setuptools._distutils.ccompiler import new_compiler
from setuptools._distutils.errors import CompileError
from setuptools._distutils.sysconfig import customize_compiler

# What an exchange passes through. Classes that msgspec or pydantic make from annotations cannot be compiled.
MODULES = """
core/clock core/ids core/money metrics/board policies/pricing policies/rates
journal/frame journal/writer journal/capture
http/status http/outbox http/headers http/reader http/server http/client http/pool
wire/openai wire/anthropic wire/gemini wire/billed wire/body wire/counts wire/sse
wire/document wire/guess wire/sample wire/lines_meter
wire/openai_words wire/anthropic_words wire/gemini_words wire/meter wire/json_meter
wire/plain wire/ending wire/answer_head wire/fragments wire/escapes
wire/openai_meter wire/chat_meter wire/openai_usage wire/anthropic_meter wire/gemini_meter
exchange/charging exchange/plan exchange/admission exchange/gate
ledger/account ledger/holds ledger/waiting ledger/asking ledger/holder policies/expected
exchange/looking exchange/redacting exchange/redacted_record exchange/redacted_entry
exchange/books exchange/relay exchange/intake exchange/outgoing exchange/lanes exchange/way exchange/serving
exchange/introduction exchange/destination exchange/local exchange/replies
proxy
"""
BUILDING = {"build_ext", "editable_wheel", "bdist_wheel"}
# Types are checked by `make lint`; here what is not installed counts as untyped.
OPTIONS = ["--config-file=", "--python-version=3.11", "--ignore-missing-imports", "--no-warn-no-return"]

# Calls between compiled functions go straight to them, not through the dynamic linker's table: 8 % of a worker's CPU.
CALLS = ["-fvisibility=hidden", "-fno-plt"] if sys.platform == "linux" else []


def can_compile() -> bool:
    """Try the compiler: it may be there without Python's headers."""
    compiler = new_compiler()
    customize_compiler(compiler)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "empty.c")
        source.write_text("#include <Python.h>\n")
        try:
            compiler.compile([str(source)], output_dir=folder, include_dirs=[sysconfig.get_path("include")])
        except CompileError:
            return False
    return True


def extensions() -> list[Extension]:
    """Make the extension modules, or none."""
    if os.environ.get("TOLLWAY_COMPILE") == "0" or BUILDING.isdisjoint(sys.argv):
        return []
    if not can_compile():
        print("no C compiler with Python's headers: the data plane is not compiled", file=sys.stderr)
        return []
    made = mypycify([*OPTIONS, *(f"gateway/{name}.py" for name in MODULES.split())], opt_level="1", debug_level="0")
    for extension in made:
        extension.extra_compile_args += CALLS
    return made


setup(ext_modules=extensions())
