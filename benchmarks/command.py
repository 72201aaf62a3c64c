"""The programs' common command line and tables."""

import argparse
import platform
import re
import sys
from pathlib import Path

import pandas as pd
import torch
from pandas.api.types import is_numeric_dtype
from rich.console import Console
from rich.table import Table

from stylize_core.engine.device import describe, has_bfloat16, resolve_precision


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser of the common arguments."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precisions", default="float32,auto", help="auto: bfloat16 if the hardware has it")
    parser.add_argument("--images", type=Path, help="folder with your own pictures, named content* and style*")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
    return parser


def precisions_of(text: str, device: torch.device) -> list[str]:
    """Returns the named precisions without duplicates."""
    return list(dict.fromkeys(resolve_precision(name, device) for name in text.split(",")))


def make_console() -> Console:
    """Returns the terminal, or a wide page if the output goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 170, highlight=False)


def machine(device: torch.device) -> str:
    """Returns one line that describes the machine."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text() if cpuinfo.exists() else "", re.MULTILINE)
    bfloat16 = "bfloat16 in hardware" if has_bfloat16(device) else "no bfloat16 in hardware"
    name = describe(device, "bfloat16")
    return f"{name} ({model[1] if model else platform.processor()}), {bfloat16}, torch {torch.__version__}"


def table_of(frame: pd.DataFrame, title: str = "") -> Table:
    """Returns a frame as a table, numbers with four digits."""
    table = Table(title=title or None, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), justify="right" if is_numeric_dtype(frame[name]) else "left")
    for line in frame.itertuples(index=False):
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in line))
    return table
