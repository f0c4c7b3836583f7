#!/usr/bin/env python3
"""The rules of caching once more, with all answers on disk alone."""

import atexit
import importlib
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import squire_test


class OnDisk(squire_test.Squire):
    def __init__(self, config="", *arguments, **keywords):
        folder = tempfile.mkdtemp(prefix="squire-disk-")
        atexit.register(shutil.rmtree, folder, True)
        super().__init__(f"cache_dir lmdb {folder}/store 64\n"
                         f"cache_mem 0 KB\n{config}", *arguments, **keywords)


squire_test.Squire = OnDisk


def load_tests(loader, tests, pattern):
    suites = unittest.TestSuite()
    for name in ("81_cache", "81_follow", "81_range", "81_stale",
                 "81_validate"):
        module = importlib.import_module(name)
        module.HIT = "TCP_HIT"  # in the access log
        suites.addTests(loader.loadTestsFromModule(module))
    return suites


if __name__ == "__main__":
    squire_test.main()
