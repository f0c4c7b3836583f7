/* ctl_text.c: texts of others, so that a terminal takes none as a command. */
#include "ctl.h"

void
ctlPutText(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char octet = (unsigned char)text[i];

        if (octet < 0x20 || octet == 0x7f)
            printf("\\x%02x", octet);
        else
            putchar(octet);
    }
}

void
ctlPutLine(const char *mark, const char *text, size_t len)
{
    fputs(mark, stdout);
    ctlPutText(text, len);
    putchar('\n');
}
