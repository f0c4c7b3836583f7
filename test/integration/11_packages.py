#!/usr/bin/env python3
"""setup/packages installs what is missing, and only that.

The script runs with stand-ins for dpkg-query, apt-get, apt-cache, id and
sudo, which write down how they were called.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(os.environ["SQUIRE_SOURCE"], "setup", "packages")

LIST = """\
# comment
build gcc|clang         the compiler
build libev-dev         the loop
build pkgconf|pkg-config  finds
build squidguard?       not everywhere
test  curl              a client
"""
WHOLE = ["gcc", "libev-dev", "pkgconf", "squidguard"]
LACKING = ["pkgconf", "squidguard"]

STAND_INS = {
    "dpkg-query": 'for p in $INSTALLED; do echo "ii  $p $PROVIDES"; done',
    "apt-cache": '''
        case " $KNOWN " in
        *" $2 "*) echo "  Candidate: 1.0" ;;
        *) echo "  Candidate: (none)" ;;
        esac''',
    "apt-get": '''
        echo "apt-get $*" >> "$CALLS"
        policy=$SQUIRE_ROOT_DIR/usr/sbin/policy-rc.d
        [ ! -e "$policy" ] || cat "$policy" >> "$CALLS.policy"
        case "$*" in
        *update*) : > "$SQUIRE_ROOT_DIR/updated" ;;
        *) [ -z "$STALE" ] || [ -e "$SQUIRE_ROOT_DIR/updated" ] ;;
        esac''',
    "id": 'echo "$USER_ID"',
    "sudo": '''
        [ -n "$MAY_SUDO" ] || exit 1
        echo "sudo $*" >> "$CALLS"
        shift
        exec env USER_ID=0 "$@"''',
    "systemctl": 'echo "systemctl $*" >> "$CALLS"',
}


class PackagesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-packages-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.policy = self.folder / "usr/sbin/policy-rc.d"
        self.policy.parent.mkdir(parents=True)
        (self.folder / "bin").mkdir()
        self.script = self.folder / "packages"
        shutil.copy(SCRIPT, self.script)
        (self.folder / "debian-packages").write_text(LIST)
        for name, text in STAND_INS.items():
            path = self.folder / "bin" / name
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)

    def run_script(self, *arguments, **environment):
        values = {"INSTALLED": "", "PROVIDES": "", "KNOWN": "", "STALE": "",
                  "MAY_SUDO": "", "USER_ID": "0",
                  "SQUIRE_ROOT_DIR": self.folder, "CALLS": self.folder / "calls",
                  "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        values.update(environment)
        result = subprocess.run(
            ["sh", self.script, *(arguments or ["build"])], text=True, timeout=60,
            env={**os.environ, **{k: str(v) for k, v in values.items()}},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        return result.returncode, result.stdout

    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def test_nothing_is_done_when_all_is_there(self):
        self.assertEqual(self.run_script(INSTALLED=" ".join(WHOLE)), (0, ""))
        self.assertEqual(self.calls(), [])

    def test_an_alternative_and_a_provided_name_count(self):
        others = [name for name in WHOLE if name not in ("gcc", "pkgconf")]
        self.assertEqual(
            self.run_script(INSTALLED=" ".join(others + ["clang"]),
                            PROVIDES="pkg-config (= 1.8), other"), (0, ""))
        self.assertEqual(self.calls(), [])

    def test_an_optional_one_that_debian_lacks_is_left_out(self):
        lists = self.folder / "var/lib/apt/lists"
        lists.mkdir(parents=True)
        (lists / "main_Packages").touch()
        self.assertEqual(
            self.run_script(INSTALLED="gcc libev-dev pkgconf"), (0, ""))
        self.assertEqual(self.calls(), [])

    def test_root_installs_what_is_missing_without_update(self):
        status, _ = self.run_script(INSTALLED=" ".join(LACKING),
                                    KNOWN=" ".join(WHOLE))
        self.assertEqual(status, 0)
        first, = [c for c in self.calls() if c.startswith("apt-get")]
        self.assertTrue(first.endswith(
            "install --no-install-recommends gcc libev-dev"), first)

    def test_lists_are_updated_once_when_a_name_is_unknown(self):
        status, _ = self.run_script(INSTALLED=" ".join(LACKING))
        self.assertEqual(status, 0)
        calls = [c for c in self.calls() if c.startswith("apt-get")]
        self.assertEqual(len(calls), 2, calls)
        self.assertIn("update", calls[0])

    def test_lists_are_updated_when_the_first_try_fails(self):
        status, _ = self.run_script(INSTALLED=" ".join(LACKING), STALE="1",
                                    KNOWN=" ".join(WHOLE))
        self.assertEqual(status, 0)
        words = [c.split("--no-install")[0].split()[-1] for c in self.calls()
                 if c.startswith("apt-get")]
        self.assertEqual(words, ["install", "update", "install"])

    def test_services_are_denied_during_the_installation_only(self):
        self.run_script(INSTALLED=" ".join(LACKING), KNOWN=" ".join(WHOLE))
        denied = (self.folder / "calls.policy").read_text()
        self.assertIn("exit 101", denied)
        self.assertFalse(self.policy.exists())

    def test_a_policy_of_the_system_is_kept(self):
        self.policy.write_text("theirs\n")
        self.run_script(INSTALLED=" ".join(LACKING), KNOWN=" ".join(WHOLE))
        self.assertEqual(self.policy.read_text(), "theirs\n")

    def test_a_user_installs_by_sudo(self):
        status, _ = self.run_script(INSTALLED=" ".join(LACKING), MAY_SUDO="1",
                                    KNOWN=" ".join(WHOLE), USER_ID="1000")
        self.assertEqual(status, 0)
        kinds = [c.split()[0] for c in self.calls()]
        self.assertEqual(kinds.count("apt-get"), 1)
        self.assertIn("sudo", kinds)

    def test_a_user_without_sudo_is_told_the_exact_line(self):
        status, output = self.run_script(INSTALLED=" ".join(LACKING),
                                         USER_ID="1000")
        self.assertEqual(status, 1)
        self.assertIn("    apt-get install --no-install-recommends gcc "
                      "libev-dev\n", output)
        self.assertEqual(self.calls(), [])

    def test_list_only_prints(self):
        status, output = self.run_script("--list", "build",
                                         INSTALLED=" ".join(LACKING))
        self.assertEqual((status, output.split()), (0, ["gcc|clang",
                                                        "libev-dev"]))
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    sys.exit(unittest.main())
