/* check.c: report a failed check and stop. */
#include "check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(CheckReportCb *) reporter;

void
checkSetReport(CheckReportCb *report)
{
    atomic_store(&reporter, report);
}

void
checkFail(const char *file, int line, const char *func, const char *what)
{
    CheckReportCb *report = atomic_exchange(&reporter, NULL);
    char text[512];

    snprintf(text, sizeof(text), "%s:%d: %s: check failed: %s", file, line,
             func, what);
    fprintf(stderr, "squire: %s\n", text);
    if (report)
        report(text);
    abort();
}
