/* config_manual.c: prints squire.conf(5), for the build of doc/. */
#include <stdio.h>

#include "config.h"

int
main(void)
{
    configPrintManual(stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
