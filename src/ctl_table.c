/* ctl_table.c: rows of text in aligned columns. */
#include "ctl_table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define CELL_MAX 4096
#define LINE_MAX_OCTETS 65536
#define GAP "  "

void
ctlTableInit(CtlTable *table, const CtlColumn *columns, size_t count)
{
    *table = (CtlTable){.columns = columns, .columnCount = count};
}

void
ctlTableFini(CtlTable *table)
{
    for (size_t i = 0; i < table->cellCount; i++)
        free(table->cells[i]);
    free(table->cells);
    ctlTableInit(table, table->columns, table->columnCount);
}

/* No octet of a name may move the cursor or begin an escape sequence. */
static void
makePlain(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void
ctlTablePut(CtlTable *table, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    makePlain(text);
    if (table->cellCount == table->cellSize) {
        table->cellSize = table->cellSize ? table->cellSize * 2 : 64;
        table->cells =
            xrealloc(table->cells, table->cellSize * sizeof(*table->cells));
    }
    table->cells[table->cellCount++] = xstrdup(text);
}

/* Columns on a terminal: octets that go on a UTF-8 character take none. */
static size_t
columnsOf(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static size_t
widthOf(const CtlTable *table, size_t column)
{
    size_t width = columnsOf(table->columns[column].title);

    for (size_t i = column; i < table->cellCount; i += table->columnCount) {
        size_t own = columnsOf(table->cells[i]);
        width = own > width ? own : width;
    }
    return width;
}

/* Octets of the first columns of a line, no blanks at the end. */
static size_t
cutLine(const char *line, size_t len, unsigned width)
{
    size_t used = 0, columns = 0;

    while (used < len) {
        columns += ((unsigned char)line[used] & 0xc0) != 0x80;
        if (width > 0 && columns > width)
            break;
        used++;
    }
    while (used > 0 && line[used - 1] == ' ')
        used--;
    return used;
}

static int
printRow(const CtlTable *table, const size_t *widths, size_t first,
         unsigned width, Buf *out)
{
    Buf line;

    bufInit(&line, LINE_MAX_OCTETS);
    for (size_t i = 0; i < table->columnCount; i++) {
        const CtlColumn *column = &table->columns[i];
        const char *text = column->title;

        if (first != SIZE_MAX)
            text = first + i < table->cellCount ? table->cells[first + i] : "";
        int pad = (int)(widths[i] - columnsOf(text));
        bufPrintf(&line, "%s%*s%s%*s", i > 0 ? GAP : "",
                  column->isText ? 0 : pad, "", text, column->isText ? pad : 0,
                  "");
    }
    int rc = bufPrintf(out, "%.*s\n",
                       (int)cutLine(bufData(&line), bufLen(&line), width),
                       bufData(&line));
    bufFini(&line);
    return rc;
}

int
ctlTablePrint(const CtlTable *table, unsigned width, Buf *out)
{
    size_t *widths = xcalloc(table->columnCount, sizeof(*widths));

    for (size_t i = 0; i < table->columnCount; i++)
        widths[i] = widthOf(table, i);
    int rc = printRow(table, widths, SIZE_MAX, width, out);
    for (size_t i = 0; i < table->cellCount && rc == 0; i += table->columnCount)
        rc = printRow(table, widths, i, width, out);
    free(widths);
    return rc;
}
