"""Are the compiled modules of a checkout still those of their sources? Python takes them without asking."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def stale(package: Path = PACKAGE) -> list[Path]:
    """List the sources that were changed since they were compiled. Installed from a wheel, none ever is."""
    if not package.with_name("setup.py").is_file():
        return []
    compiled = ((file, file.with_name(f"{file.name.partition('.')[0]}.py")) for file in package.rglob("*.so"))
    return [source for file, source in compiled if not source.exists() or _age(source) > _age(file)]


def advice(sources: list[Path]) -> str:
    """Say what to do about them."""
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    what = f"{sources[0]}{more} changed since the data plane was compiled"
    return f"{what}: run `make install`, or `make install COMPILE=0` while you work on it"


def _age(file: Path) -> float:
    return file.stat().st_mtime
