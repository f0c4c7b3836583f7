/*
 * ctl_table.h: rows of text in aligned columns. Thread: the owner.
 */
#ifndef SQUIRE_CTL_TABLE_H
#define SQUIRE_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

typedef struct CtlColumn {
    const char *title;
    bool isText; /* to the left; numbers go to the right */
} CtlColumn;

typedef struct CtlTable {
    const CtlColumn *columns;
    size_t columnCount;
    char **cells; /* row by row */
    size_t cellCount, cellSize;
} CtlTable;

/* An empty table; columns must live as long. */
void ctlTableInit(CtlTable *table, const CtlColumn *columns, size_t count);

/* Free all cells. */
void ctlTableFini(CtlTable *table);

/* Fill the next cell of the row, or the first of the next row. */
void ctlTablePut(CtlTable *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Append titles and rows to out; lines are cut at width columns (0: none) and
 * have no blanks at their ends. Control octets are shown as "?". 0 or
 * -ENOBUFS. */
int ctlTablePrint(const CtlTable *table, unsigned width, Buf *out);

#endif
