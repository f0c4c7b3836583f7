/* config_print.c: the effective table, and the manual. */
#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define VALUE_COLUMN 60

static void
printRow(FILE *out, const ConfigRow *row, const char *value,
         const ConfigOrigin *origin)
{
    int width = fprintf(out, "%s %s", row->name, value);

    fprintf(out, "%*s # ", width < VALUE_COLUMN ? VALUE_COLUMN - width : 0, "");
    if (origin && origin->line > 0)
        fprintf(out, "%s:%u\n", origin->file, origin->line);
    else
        fprintf(out, "default\n");
}

static void
printOrigin(const Config *config, FILE *out, const ConfigOrigin *origin)
{
    const ConfigRow *row = origin->row;
    const char *field = (const char *)config + row->offset;
    Buf value;

    if (!row->kind->format) {
        printRow(out, row, origin->text, origin);
        return;
    }
    bufInit(&value, 64 * 1024);
    row->kind->format(field, &value);
    bufAppend(&value, "", 1);
    printRow(out, row, bufData(&value), origin);
    bufFini(&value);
}

void
configPrint(const Config *config, FILE *out)
{
    for (size_t i = 0; i < configRowCount; i++) {
        const ConfigRow *row = &configRows[i];
        bool any = false;

        for (const ConfigOrigin *it = config->origins; it; it = it->next) {
            if (it->row != row)
                continue;
            printOrigin(config, out, it);
            any = true;
        }
        if (!any)
            fprintf(out, "# %s is not set\n", row->name);
    }
}

/* One paragraph of plain text as roff: what would be markup is escaped. */
static void
printRoff(FILE *out, const char *text)
{
    bool lineStart = true;

    for (; *text; text++) {
        if (lineStart && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.IP\n", out);
            text++;
        } else if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
        lineStart = *text == '\n';
    }
    fputc('\n', out);
}

/* What names an entry: name in bold, then syntax in italics. */
static void
printTag(FILE *out, const char *name, const char *syntax)
{
    fprintf(out, ".TP\n.BI \"%s\" \"", name);
    for (const char *at = syntax; *at; at++) {
        if (*at == '"')
            fputs("\\(dq", out);
        else if (*at == '\\')
            fputs("\\e", out);
        else
            fputc(*at, out);
    }
    fprintf(out, "\"\n");
}

static void
printOption(const char *name, const char *syntax, const char *help, void *data)
{
    char *tag = xasprintf("%s=", name);

    printTag(data, tag, syntax);
    printRoff(data, help);
    free(tag);
}

static void
printManualRow(FILE *out, const ConfigRow *row)
{
    char *tag = xasprintf("%s ", row->name);

    printTag(out, tag, row->syntax);
    free(tag);
    printRoff(out, row->help);
    if (!row->fallback)
        return;
    fputs("Default: ", out);
    printRoff(out, row->fallback);
}

static void
printForeign(FILE *out)
{
    const ConfigForeign *row = NULL;

    fputs(".SH DIRECTIVES THAT ARE IGNORED\n"
          "Squid has or had these. Such a line is a warning that says what is "
          "done\ninstead, unless its value means the same.\n",
          out);
    while ((row = configForeignNext(row))) {
        printTag(out, row->name, "");
        printRoff(out, row->instead);
        if (row->same)
            fprintf(out, "The same is meant by: %s\n", row->same);
    }
}

void
configPrintManual(FILE *out)
{
    fputs(".\\\" Made from the table of directives; do not edit.\n"
          ".TH SQUIRE.CONF 5 \"\" squire\n"
          ".SH NAME\n"
          "squire.conf \\- configuration of the squire caching proxy\n"
          ".SH DESCRIPTION\n"
          "The file has Squid's syntax: one directive a line, words between "
          "blanks,\n"
          "comments after #, quoted texts, lines that go on after a "
          "backslash, and\n"
          ".B include\n"
          "with patterns of file names. Relative names of files count from "
          "the\n"
          "directory of the file they stand in. A directive that is not "
          "known is a\n"
          "warning, a wrong value an error; both name file and line. What "
          "happens instead\n"
          "of Squid's directives that there are not is below.\n"
          ".PP\n"
          "Lines between\n.B if\nCONDITION and\n.B endif\ncount when it is "
          "true, those after\n.B else\nwhen it is\nnot; each of the three "
          "stands alone in a line. CONDITION is true, false or two\nnumbers "
          "with = between them. ${process_number} is 1, ${process_name} "
          "squire1 and\n${service_name} squire.\n"
          ".PP\n"
          "SIZE is a number with bytes, KB, MB or GB (or k, m, g); TIME a "
          "number with\n"
          "milliseconds, seconds, minutes, hours, days or weeks (or ms, s, m, "
          "h, d; seconds\n"
          "when it has none). In an option, number and unit are one word: "
          "timeout=5m.\n"
          ".SH DIRECTIVES\n",
          out);
    for (size_t i = 0; i < configRowCount; i++)
        printManualRow(out, &configRows[i]);
    fputs(".SH POOL OPTIONS\n"
          "What every *_children line and external_acl_type can have, and "
          "what holds\n"
          "without it.\n",
          out);
    configHelperForEachOption(printOption, out);
    fputs(".SH FORMAT CODES\n"
          "What helpers are told, lines of logs and fields that are added "
          "are written with\ncodes of the form\n"
          "%[QUOTE][\\-][0][WIDTH][.MAX]CODE or %...{ARGUMENT}CODE or "
          "%...CODE{ARGUMENT}.\n"
          "A value that is missing is \\-.\n"
          "Without QUOTE, URLs, header fields, user names and notes are "
          "escaped as %XX, also\n"
          "the percent sign, so that each is one word and can be decoded. "
          "QUOTE is # for that\n"
          "with any code, \\(dq for a backslash before quotes, [ for %XX of "
          "controls and\n"
          "brackets, / for a word in double quotes when it has blanks, "
          "\\(aq for the value as it\n"
          "is.\n"
          ".PP\n"
          "Codes:\n",
          out);
    formatPrintCodes(out);
    printForeign(out);
    fputs(".SH SEE ALSO\n.BR squire (8)\n", out);
}
