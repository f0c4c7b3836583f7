#!/usr/bin/env python3
"""Proof that each rule of check-style fires, and on nothing else.

Every case changes a small good tree in one way and names the one finding
that must come of it.
"""

import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOOL = Path(__file__).with_name("check-style")
LOADER = importlib.machinery.SourceFileLoader("check_style", str(TOOL))
SPEC = importlib.util.spec_from_loader("check_style", LOADER)
style = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(style)

GOOD = {
    "lib/check.h": """\
/* check.h: checks. */
#ifndef SQUIRE_CHECK_H
#define SQUIRE_CHECK_H

/* Stop. Never returns. */
void checkFail(const char *what) __attribute__((noreturn));

#endif
""",
    "lib/comm.h": """\
/* comm.h: the loop. Thread: loop. */
#ifndef SQUIRE_COMM_H
#define SQUIRE_COMM_H

typedef void CommCb(int fd, void *data);

typedef struct CommStats {
    int turns; /* so far (all) */
} CommStats;

/* Run. Blocks. 0 or -errno. */
int commRun(CommCb *cb, void *data);

/* Twice x. */
static inline int
commTwice(int x)
{
    return x * 2;
}

#endif
""",
    "lib/comm.c": """\
/* comm.c: the loop. */
#include "comm.h"

#include <ev.h>

#define COMM_MAGIC 0x11111111u

static int
flushWrites(const char *text)
{
    return text[0] == '"' ? 1 : '{'; /* strcpy( is only named here */
}

int
commRun(CommCb *cb, void *data)
{
    CHECK_OBJ(cb, COMM_MAGIC);
    return flushWrites("strcpy(a, b) { fork()");
}
""",
    "lib/comm_priv.h": """\
/* comm_priv.h: for siblings. */
#ifndef SQUIRE_COMM_PRIV_H
#define SQUIRE_COMM_PRIV_H

void commHidden(void);

#endif
""",
    "lib/debug_sections.h": """\
/* debug_sections.h: sections. */
#ifndef SQUIRE_DEBUG_SECTIONS_H
#define SQUIRE_DEBUG_SECTIONS_H

#define DEBUG_SECTIONS(X) \\
    X(5, COMM, "loop")    \\
    X(54, IPC, "helpers")

#endif
""",
    "lib/helper_proto.h": """\
/* helper_proto.h: codec. */
#ifndef SQUIRE_HELPER_PROTO_H
#define SQUIRE_HELPER_PROTO_H

#include "check.h"

#endif
""",
    "lib/ipc.c": """\
/* ipc.c: start helpers. */
#include "comm.h"

int
ipcStart(void)
{
    return fork();
}
""",
    "lib/listener.h": """\
/* listener.h: accept. */
#ifndef SQUIRE_LISTENER_H
#define SQUIRE_LISTENER_H

#include "ipc.h"

#endif
""",
    "src/cache.h": """\
/* cache.h: the cache. */
#ifndef SQUIRE_CACHE_H
#define SQUIRE_CACHE_H

#include "comm.h"

/* Look up. */
int cacheLookup(const char *key);

#endif
""",
    "src/main.c": """\
/* main.c: wiring. */
#include "cache.h"

int
main(void)
{
    return cacheLookup("x");
}
""",
    "helpers/echo.c": """\
/* echo.c: echo. */
#include "helper_proto.h"

int
main(void)
{
    return 0;
}
""",
    "README.md": "# Squire\n",
    "build/junk.c": "fork()  \n",
}

# What changes (file, old text, new text), and the finding: rule and file.
CASES = [
    ("layers", "lib/comm.c", '#include "comm.h"', '#include "ipc.h"'),
    ("layers", "lib/check.h", "\n/* Stop", '#include "comm.h"\n\n/* Stop'),
    ("layers", "lib/comm.c", '#include "comm.h"', '#include "listener.h"'),
    ("layers", "lib/helper_proto.h", '"check.h"', '"comm.h"'),
    ("layers", "lib/ipc.c", '"comm.h"', '"helper_proto.h"'),
    ("layers", "lib/listener.h", '"ipc.h"', '"helper_proto.h"'),
    ("layers", "helpers/echo.c", '"helper_proto.h"', '"comm.h"'),
    ("layers", "src/main.c", '"cache.h"', '"comm_priv.h"'),
    ("upward", "lib/ipc.c", '"comm.h"', '"cache.h"'),
    ("upward", "helpers/echo.c", '"helper_proto.h"', '"cache.h"'),
    ("ev", "lib/ipc.c", '"comm.h"', "<ev.h>"),
    ("ev", "src/main.c", '"cache.h"', "<ev.h>"),
    ("process", "src/main.c", "return cache", "fork();\n    return cache"),
    ("process", "src/main.c", "return cache", "vfork();\n    return cache"),
    ("process", "helpers/echo.c", "return 0",
     "return posix_spawn(0, 0, 0, 0, 0, 0)"),
    ("process", "helpers/echo.c", "return 0", 'return system("x")'),
    ("prefix", "lib/ipc.c", "\nipcStart", "\nstart"),
    ("prefix", "lib/ipc.c", "\nipcStart", "\nipcstart"),
    ("prefix", "lib/comm.h", "\ncommTwice", "\ntwice"),
    ("prefix", "lib/comm.c", "\nflushWrites", "\ncommFlush"),
    ("contract", "lib/comm.h", "/* Run. Blocks. 0 or -errno. */\n", ""),
    ("contract", "lib/comm.h", "-errno. */\n", "-errno. */\n\n"),
    ("contract", "lib/comm.h", "/* Twice x. */\n", ""),
    ("contract", "lib/comm.h", "data);\n\n/* Twice", "data);\n/* Twice"),
    ("contract", "lib/comm.h", "\n/* Twice", "void commStop(void);\n"
     "\n/* Twice"),
    ("contract", "src/cache.h", "/* Look up. */\n", ""),
    ("budget", "lib/ipc.c", "return fork();", "x();\n" * 80),
    ("budget", "lib/comm.h", "typedef struct", "\n" * 1000 +
     "typedef struct"),
    ("forbidden", "lib/ipc.c", "return fork()", "return strcpy(a, b)"),
    ("forbidden", "lib/ipc.c", "return fork()", "return sprintf(a, b)"),
    ("forbidden", "lib/ipc.c", "return fork()", "return atoi(a)"),
    ("forbidden", "lib/ipc.c", "return fork()", "return select (a)"),
    ("forbidden", "helpers/echo.c", "return 0", "return signal(1, f)"),
    ("magic", "lib/ipc.c", "int\n", "#define IPC_MAGIC 0x11111111\nint\n"),
    ("magic", "lib/comm.c", "(cb, COMM_MAGIC)", "(cb, 0x1234)"),
    ("sections", "lib/debug_sections.h", "X(54,", "X(5,"),
    ("sections", "lib/debug_sections.h", "IPC", "COMM"),
    ("opening", "src/main.c", "/* main.c: wiring. */\n", ""),
    ("opening", "lib/comm.h", "comm.h: the loop. Thread: loop.", ""),
    ("guard", "src/cache.h", "#define SQUIRE_CACHE_H", "#define CACHE_H"),
    ("columns", "src/main.c", "wiring", "wiring" * 15),
    ("columns", "src/main.c", '"x"', '"' + "x" * 90 + '"'),
    ("tab", "src/main.c", "    return", "\treturn"),
    ("blanks", "src/main.c", "return cacheLookup(\"x\");",
     "return cacheLookup(\"x\"); "),
    ("blanks", "README.md", "# Squire\n", "# Squire"),
    ("marks", "README.md", "# Squire\n", "# FIX" "ME\n"),
    ("marks", "lib/ipc.c", "start helpers", "start helpers, TO" "DO"),
]


class StyleTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="squire-style-"))
        self.addCleanup(shutil.rmtree, self.root)

    def findings(self, change=None):
        for name, text in GOOD.items():
            if change and change[0] == name:
                self.assertIn(change[1], text, f"{name} lacks the old text")
                text = text.replace(change[1], change[2], 1)
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        tree = style.Tree(self.root)
        return [f for rule in style.RULES for f in rule(tree)]

    def test_good_tree_has_no_finding(self):
        self.assertEqual(self.findings(), [])

    def test_each_rule_fires_alone(self):
        for rule, name, old, new in CASES:
            with self.subTest(rule=rule, file=name, new=new[:40]):
                found = {(f.rule, f.path)
                         for f in self.findings((name, old, new))}
                self.assertEqual(found, {(rule, name)})

    def test_a_literal_may_pass_the_80th_column(self):
        text = '"' + "x" * 70 + '"'
        self.assertEqual(self.findings(("src/main.c", '"x"', text)), [])

    def test_signal_may_ignore(self):
        change = ("lib/ipc.c", "return fork()", "return signal(1, SIG_IGN)")
        self.assertEqual(self.findings(change), [])

    def test_every_rule_has_a_case(self):
        fired = {case[0] for case in CASES}
        for rule in style.RULES:
            name = rule.__name__.replace("rule_", "")
            names = {"layout": {"columns", "tab", "blanks"}}.get(name, {name})
            self.assertLessEqual(names, fired)


if __name__ == "__main__":
    if not shutil.which("ctags"):
        print("ctags is missing (package universal-ctags)")
        sys.exit(77)
    os.environ.pop("SQUIRE_SOURCE", None)
    unittest.main()
