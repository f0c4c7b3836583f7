/* check.c: report a failed check and stop. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

void
checkFail(const char *file, int line, const char *func, const char *what)
{
    fprintf(stderr, "squire: %s:%d: %s: check failed: %s\n", file, line, func,
            what);
    abort();
}
