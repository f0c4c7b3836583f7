/*
 * json_text.h: octets as a JSON string. Thread: any.
 */
#ifndef SQUIRE_JSON_TEXT_H
#define SQUIRE_JSON_TEXT_H

#include <stddef.h>

#include "buf.h"

/* Append text in double quotes. UTF-8 stays; any other octet above 0x7f is
 * taken as Latin-1, control octets are escaped. 0 or -ENOBUFS. */
int jsonTextPut(Buf *out, const char *text, size_t len);

#endif
